import { brokerOptions } from "@molecart/mixins/broker-options.ts";

export default brokerOptions(process.env);

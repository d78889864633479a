import type { CartsFacts } from "../facts.ts";
import type { Invariant } from "../invariant.ts";

/** A cart promises nothing; it only must be one. */
export const carts: Invariant = {
  name: "carts can be read",
  needs: ["carts"],
  check(view) {
    const { carts: checked, unreadable } = view.carts as CartsFacts;
    return {
      checked,
      offences: unreadable.map(({ cartId, problem }) => ({
        offender: `cart ${cartId}`,
        rule: "cannot be read",
        values: problem,
      })),
    };
  },
};

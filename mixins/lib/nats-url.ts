export interface NatsServers {
  servers: string[];
  user?: string;
  pass?: string;
  token?: string;
}

/** What the NATS client wants to be told of `nats://user:password@host:4222`, or `nats://token@…`; several are separated by
 *  commas and share the credentials of the first that has any. The client itself would leave credentials in an address aside. */
export const natsServers = (addresses: string): NatsServers => {
  const urls = addresses.split(",").map((address) => new URL(address.trim()));
  const named = urls.find(({ username }) => username !== "");
  const [user, pass] = [named?.username ?? "", named?.password ?? ""].map(decodeURIComponent) as [string, string];
  return {
    servers: urls.map(({ protocol, host }) => `${protocol}//${host}`),
    ...(user !== "" && (pass === "" ? { token: user } : { user, pass })),
  };
};

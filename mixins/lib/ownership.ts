/** Who asks, as the gateway has verified it. */
interface Asking {
  userId: string;
  roles: readonly string[];
}

/** The one rule of whose things are whose: their owner's, and staff's to look after. Who may not see a thing is told that it does
 *  not exist. Services ask it where they have loaded the thing; the gateway's routes say `owner`, which names the viewer. */
export const isStaff = ({ roles }: Pick<Asking, "roles">): boolean => roles.some((role) => role === "staff" || role === "admin");

/** A thing without a known owner is nobody's. */
export const maySee = (viewer: Asking, ownerId: string | undefined): boolean =>
  isStaff(viewer) || (ownerId !== undefined && viewer.userId === ownerId);

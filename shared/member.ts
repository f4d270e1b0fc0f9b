import { z } from "zod";
import { role } from "./auth.ts";
import { idSchema } from "./id-schema.ts";
import { userId } from "./ids.ts";
import { timestamp } from "./timestamp.ts";

/** How long the link of an invitation is valid. */
export const INVITATION_SECONDS = 7 * 24 * 3_600;
/** The most open invitations of a business. */
export const MAX_INVITATIONS = 200;

/** A person in a business, as the API shows them. */
export const member = z.object({
  userId,
  userName: z.string(),
  /** People who only ever signed in on the server's own machine may have none. */
  email: z.string().optional(),
  role,
});
export type Member = z.infer<typeof member>;

export const invitationId = idSchema("inv");

/** An invitation that nobody has used yet. Its link is shown only once, to the person who made it. */
export const invitation = z.object({
  invitationId,
  role,
  /** Whom it is for, if an address was given. */
  email: z.string().optional(),
  /** The name of the person who invites; the id, if that person has left the business. */
  invitedBy: z.string(),
  createdAt: timestamp,
  expiresAt: timestamp,
});
export type Invitation = z.infer<typeof invitation>;

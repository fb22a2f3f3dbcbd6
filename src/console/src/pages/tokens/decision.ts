import { instant } from "../../parts/time";

export type Standing = "valid" | "expired" | "revoked";

/** What a token is good for at `now` (milliseconds). */
export function standingOf(token: { revoked?: string | null; expires?: string | null }, now: number): Standing {
  if (instant(token.revoked) !== undefined) return "revoked";
  const expires = instant(token.expires);
  return expires !== undefined && expires <= now ? "expired" : "valid";
}

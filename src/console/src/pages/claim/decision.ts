export const PASSWORD_CHARS_MIN = 12;

/** What is wrong with a new password, in words; undefined when nothing is. The API counts characters the same way. */
export function passwordFault(password: string): string | undefined {
  const missing = PASSWORD_CHARS_MIN - [...password].length;
  if (missing <= 0) return undefined;
  return missing === PASSWORD_CHARS_MIN
    ? `Choose a password of ${PASSWORD_CHARS_MIN} characters or more.`
    : `Too short: ${missing} more ${missing === 1 ? "character" : "characters"} needed.`;
}

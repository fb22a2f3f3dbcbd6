// Which refusals of a plan a person may overrule, and whether that is enough.

export type Overrule = "force" | "despite_baseline";

interface Refusable {
  refusal?: { code: string } | null | undefined;
  checks: readonly { name: string; status: string }[];
}

/**
 * `baseline` is the health of the running release: a sick one may be replaced. A bundle may be forced only when it is
 * refused for having been rolled back before; the plan tells the code of its first refusal, and the bundle's is first.
 */
export function needs({ refusal, checks }: Refusable): { overrules: Overrule[]; possible: boolean } {
  const failed = checks.filter(({ status }) => status !== "ok").map(({ name }) => name);
  const overrules: Overrule[] = [];
  if (refusal?.code === "version_bad") overrules.push("force");
  if (failed.includes("baseline")) overrules.push("despite_baseline");
  const known = failed.every((name) => name === "baseline" || (name === "bundle" && overrules.includes("force")));
  return { overrules, possible: known && (!refusal || overrules.length > 0) };
}

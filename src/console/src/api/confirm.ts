// Destroy operations: the first call is answered `confirmation_required`, the second carries the id of that answer.

import { asProblem } from "./problem";

/** The one-time id in a `confirmation_required` answer; undefined for every other error. */
export function confirmationOf(error: unknown): string | undefined {
  const problem = asProblem(error);
  const id = problem.data.confirmation_id;
  return problem.code === "confirmation_required" && typeof id === "string" ? id : undefined;
}

const HEADER = "X-Confirmation-Id";

/**
 * Make the call for somebody who has said yes in a dialog: ask for a confirmation id, then call with it as a header.
 * The id binds the second call to exactly what the first one asked for.
 */
export async function confirmed<Result>(call: (headers: Record<string, string>) => Promise<Result>): Promise<Result> {
  try {
    return await call({});
  } catch (error) {
    const id = confirmationOf(error);
    if (id === undefined) throw error;
    return await call({ [HEADER]: id });
  }
}

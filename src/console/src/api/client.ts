// The one way to the API: typed by the generated schema, errors thrown as Problem.

import createClient, { type Middleware } from "openapi-fetch";
import { asProblem, problemFrom } from "./problem";
import type { paths } from "./schema";

const throwProblems: Middleware = {
  async onResponse({ response }) {
    if (response.ok) return undefined;
    const body: unknown = await response
      .clone()
      .json()
      .catch(() => undefined);
    throw problemFrom(body, response);
  },
  onError({ error }) {
    return asProblem(error);
  },
};

export const client = createClient<paths>({ baseUrl: globalThis.location?.origin ?? "", credentials: "same-origin" });
client.use(throwProblems);

/** The body of an answer that is known to be good: every other one was thrown. */
export async function body<Data>(answer: Promise<{ data?: Data }>): Promise<Data> {
  return (await answer).data as Data;
}

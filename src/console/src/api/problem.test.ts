import { describe, expect, it } from "vitest";
import { confirmationOf, confirmed } from "./confirm";
import { asProblem, Problem, problemFrom } from "./problem";

const answer = (status: number, headers: Record<string, string> = {}) => new Response(null, { status, headers });

describe("problemFrom", () => {
  it("keeps all that the API says", () => {
    const body = {
      type: "urn:att:error:x",
      title: "Conflict",
      status: 409,
      detail: "cannot upgrade: one runs",
      code: "upgrade_running",
      hint: "wait",
      field: "upload",
      request_id: "req_1",
      data: { transaction: "tx_1" },
    };
    expect(problemFrom(body, answer(409))).toMatchObject({
      status: 409,
      message: "cannot upgrade: one runs",
      code: "upgrade_running",
      hint: "wait",
      field: "upload",
      requestId: "req_1",
      data: { transaction: "tx_1" },
    });
  });

  it("makes the best of a proxy's page", () => {
    const problem = problemFrom(undefined, answer(502, { "x-request-id": "req_2", "retry-after": "3" }));
    expect(problem).toMatchObject({ status: 502, requestId: "req_2", retryAfterSeconds: 3, passing: true });
    expect(problem.message).toContain("502");
  });
});

describe("asProblem", () => {
  it("takes a failed fetch for an appliance that is away", () => {
    expect(asProblem(new TypeError("Failed to fetch"))).toMatchObject({ code: "unreachable", passing: true });
  });

  it("does not hide the console's own faults behind that", () => {
    expect(asProblem(new RangeError("oops"))).toMatchObject({ code: "internal", message: "oops" });
  });
});

describe("confirmed", () => {
  const asks = new Problem({
    status: 409,
    code: "confirmation_required",
    detail: "sure?",
    data: { confirmation_id: "confirm_1" },
  });

  it("calls again with the id of the first answer", async () => {
    const seen: Record<string, string>[] = [];
    const result = await confirmed(async (headers) => {
      seen.push(headers);
      if (seen.length === 1) throw asks;
      return "done";
    });
    expect(result).toBe("done");
    expect(seen).toEqual([{}, { "X-Confirmation-Id": "confirm_1" }]);
  });

  it("passes every other refusal on after one call", async () => {
    const refusal = new Problem({ status: 403, code: "not_allowed", detail: "no" });
    let calls = 0;
    const call = async () => {
      calls += 1;
      throw refusal;
    };
    await expect(confirmed(call)).rejects.toBe(refusal);
    expect(calls).toBe(1);
    expect(confirmationOf(refusal)).toBeUndefined();
  });
});

// Errors of the API as the pages see them: problem+json, or what stands for it when no answer came.

export interface ProblemFields {
  status: number;
  code: string;
  detail: string;
  hint?: string | undefined;
  field?: string | undefined;
  requestId?: string | undefined;
  retryAfterSeconds?: number | undefined;
  data?: Record<string, unknown> | undefined;
}

export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string | undefined;
  readonly field: string | undefined;
  readonly requestId: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly data: Record<string, unknown>;

  constructor(fields: ProblemFields) {
    super(fields.detail);
    this.name = "Problem";
    this.status = fields.status;
    this.code = fields.code;
    this.hint = fields.hint || undefined;
    this.field = fields.field || undefined;
    this.requestId = fields.requestId || undefined;
    this.retryAfterSeconds = fields.retryAfterSeconds;
    this.data = fields.data ?? {};
  }

  /** The appliance did not answer, or said that it will in a moment: worth asking again. */
  get passing(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 503 || this.status === 504;
  }
}

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

/** Read an error answer; a body that is no problem+json (a proxy's page) still gives status and request id. */
export function problemFrom(body: unknown, response: Response): Problem {
  const fields = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  const retryAfter = Number(response.headers.get("retry-after") ?? Number.NaN);
  const { type, title, status, detail, code, hint, field, request_id, data, ...rest } = fields;
  return new Problem({
    status: response.status,
    code: text(code) ?? "internal",
    detail: text(detail) ?? text(title) ?? `The appliance answered ${response.status} without saying why.`,
    hint: text(hint),
    field: text(field),
    requestId: text(request_id) ?? response.headers.get("x-request-id") ?? undefined,
    retryAfterSeconds: Number.isFinite(retryAfter) ? retryAfter : undefined,
    data: typeof data === "object" && data !== null ? (data as Record<string, unknown>) : rest,
  });
}

/** Anything thrown, as a Problem: a failed fetch means that the appliance cannot be reached. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof TypeError) {
    return new Problem({
      status: 0,
      code: "unreachable",
      detail: "The appliance does not answer.",
      hint: "It may be restarting; the console asks again by itself. If it stays away, look at `attctl status` over SSH.",
    });
  }
  return new Problem({
    status: 0,
    code: "internal",
    detail: error instanceof Error ? error.message : "Unknown fault in the console.",
    hint: "Reload the page. If it happens again, report what you did.",
  });
}

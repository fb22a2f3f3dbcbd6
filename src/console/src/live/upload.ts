// Sends a file in pieces and goes on where it was after a break: a restart of the API loses no piece that arrived.

import { asProblem, Problem, problemFrom } from "../api/problem";
import { reconnectDelay } from "./decision";

const PIECE_BYTES = 8 * 1024 * 1024;
const TRIES_MAX = 40;
const UPLOADS = "/api/v1/uploads";

export interface Upload {
  upload: string;
  bytes: number;
  complete: boolean;
}

export interface Piece {
  method: "POST" | "PATCH" | "GET";
  url: string;
  headers: Record<string, string>;
  body: Blob | undefined;
}

/** Sends one piece and tells of its progress; rejects with a Problem. */
export type Send = (piece: Piece, sent: (bytes: number) => void, signal: AbortSignal) => Promise<Upload>;

/** fetch cannot tell how much of a body has been sent; XMLHttpRequest can. */
export const sendPiece: Send = (piece, sent, signal) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const away = () => reject(asProblem(new TypeError("no answer")));
    request.open(piece.method, piece.url);
    for (const [name, value] of Object.entries(piece.headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded }) => sent(loaded);
    request.onerror = away;
    request.ontimeout = away;
    request.onabort = () => reject(new DOMException("stopped", "AbortError"));
    request.onload = () => {
      const body = parsed(request.responseText);
      if (request.status >= 200 && request.status < 300) resolve(body as Upload);
      else reject(problemFrom(body, new Response(null, { status: request.status || 502, headers: idOf(request) })));
    };
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(piece.body ?? null);
  });

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const idOf = (request: XMLHttpRequest): Record<string, string> => {
  const id = request.getResponseHeader("x-request-id");
  return id ? { "x-request-id": id } : {};
};

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

interface Ways {
  send?: Send;
  pause?: (ms: number) => Promise<void>;
}

/**
 * Upload `file` and return the handle that an operation takes. `progress` hears the bytes that have been sent, and
 * whether the appliance is away just now. Aborting `signal` rejects with an AbortError.
 */
export async function uploadFile(
  file: Blob,
  progress: (bytes: number, away: boolean) => void,
  signal: AbortSignal,
  { send = sendPiece, pause = wait }: Ways = {},
): Promise<string> {
  let failures = 0;
  let at = 0;
  // Runs one request until it is answered; undefined when where the upload ends must be asked again.
  const attempt = async (piece: Piece): Promise<Upload | undefined> => {
    try {
      const answer = await send(piece, (bytes) => progress(at + bytes, false), signal);
      failures = 0;
      return answer;
    } catch (error) {
      signal.throwIfAborted();
      const problem = asProblem(error);
      failures += 1;
      if (!(problem.passing || problem.code === "upload_offset") || failures > TRIES_MAX) throw problem;
      progress(at, true);
      await pause(reconnectDelay(failures - 1, Math.random()));
      return undefined;
    }
  };
  const until = async (piece: Piece): Promise<Upload> => {
    for (;;) {
      const answer = await attempt(piece);
      if (answer !== undefined) return answer;
    }
  };
  let upload = await until({ method: "POST", url: UPLOADS, headers: { "Upload-Complete": "?0" }, body: undefined });
  const url = `${UPLOADS}/${encodeURIComponent(upload.upload)}`;
  while (!upload.complete) {
    at = upload.bytes;
    if (at > file.size) {
      throw new Problem({ status: 409, code: "upload_offset", detail: "The file has changed while it was uploaded." });
    }
    progress(at, false);
    const end = Math.min(at + PIECE_BYTES, file.size);
    const headers = {
      "Content-Type": "application/octet-stream",
      "Upload-Offset": String(at),
      "Upload-Complete": end === file.size ? "?1" : "?0",
    };
    const answer = await attempt({ method: "PATCH", url, headers, body: file.slice(at, end) });
    upload = answer ?? (await until({ method: "GET", url, headers: {}, body: undefined }));
  }
  progress(file.size, false);
  return upload.upload;
}

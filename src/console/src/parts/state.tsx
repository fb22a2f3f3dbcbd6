// A state is always a word and a shape; the colour only helps.

export type Tone = "ok" | "warn" | "bad" | "run" | "still";

const TONES: Record<Tone, { text: string; soft: string; path: string }> = {
  ok: { text: "text-ok", soft: "bg-ok-soft", path: "M3.5 8.5 6.5 11.5 12.5 5" },
  warn: { text: "text-warn", soft: "bg-warn-soft", path: "M8 4v5M8 11.6v.4" },
  bad: { text: "text-bad", soft: "bg-bad-soft", path: "M4.5 4.5l7 7M11.5 4.5l-7 7" },
  run: { text: "text-accent", soft: "bg-accent-soft", path: "M4 8h.01M8 8h.01M12 8h.01" },
  still: { text: "text-muted", soft: "bg-sunken", path: "M4.5 8h7" },
};

const WORDS: Record<string, Tone> = {
  ok: "ok",
  active: "ok",
  listening: "ok",
  good: "ok",
  done: "ok",
  succeeded: "ok",
  success: "ok",
  completed: "ok",
  committed: "ok",
  valid: "ok",
  current: "ok",
  degraded: "warn",
  warning: "warn",
  warn: "warn",
  rolled_back: "warn",
  rolling_back: "warn",
  expired: "warn",
  cancelling: "warn",
  refused: "bad",
  denied: "bad",
  error: "bad",
  failed: "bad",
  failed_safe: "bad",
  dead: "bad",
  unavailable: "bad",
  running: "run",
  activating: "run",
  reloading: "run",
  uploading: "run",
  verified: "run",
  staged: "run",
  preflight: "run",
  snapshot: "run",
  switched: "run",
  restarted: "run",
  probation: "run",
};

/** The tone of a word of the API; what it does not know is shown without colour. */
export function toneOf(state: string): Tone {
  return WORDS[state.toLowerCase()] ?? "still";
}

export const toneText = (tone: Tone): string => TONES[tone].text;
export const toneSoft = (tone: Tone): string => TONES[tone].soft;

export function Sign({ tone, className = "" }: { tone: Tone; className?: string }) {
  return (
    <svg
      viewBox="0 0 16 16"
      aria-hidden="true"
      className={`size-3.5 shrink-0 ${TONES[tone].text} ${tone === "run" ? "animate-run" : ""} ${className}`}
      fill="none"
      stroke="currentColor"
      strokeWidth={tone === "run" ? 2.6 : 2.1}
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      <path d={TONES[tone].path} />
    </svg>
  );
}

const say = (state: string): string => state.toLowerCase().replaceAll("_", " ");

/** A state in a table or beside a title. */
export function State({ state, tone = toneOf(state), soft = true }: { state: string; tone?: Tone; soft?: boolean }) {
  return (
    <span
      data-state={state}
      className={`inline-flex items-center gap-1 text-sm font-medium whitespace-nowrap ${TONES[tone].text} ${soft ? `rounded-sm px-1.5 ${TONES[tone].soft}` : ""}`}
    >
      <Sign tone={tone} />
      {say(state)}
    </span>
  );
}

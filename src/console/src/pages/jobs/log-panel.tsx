import { useEffect, useRef, useState } from "react";
import { useLog } from "../../live/log";
import { Button } from "../../parts/button";
import { ProblemNote } from "../../parts/note";
import { Panel } from "../../parts/panel";

const SAY = { following: "Following", reconnecting: "Reconnecting", ended: "Complete", failed: "Stopped" } as const;
const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hour12: false,
});

/** A job's log, live. It keeps to the last line until somebody scrolls up. */
export function LogPanel({ jobId }: { jobId: string }) {
  const log = useLog(jobId);
  const box = useRef<HTMLDivElement>(null);
  const [pinned, setPinned] = useState(true);
  const count = log.lines.length + log.dropped;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new line is the reason to scroll
  useEffect(() => {
    if (pinned && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [count, pinned]);
  return (
    <Panel
      flush
      title="Log"
      act={
        <div className="flex items-center gap-3 text-sm text-muted">
          {pinned ? null : (
            <Button size="sm" onClick={() => setPinned(true)}>
              Go to the end
            </Button>
          )}
          <span role="status">{SAY[log.state]}</span>
        </div>
      }
    >
      {log.problem ? (
        <div className="p-3">
          <ProblemNote error={log.problem} />
        </div>
      ) : null}
      <div
        ref={box}
        role="log"
        aria-label="Log lines"
        aria-live="off"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
        tabIndex={0}
        onScroll={({ currentTarget: it }) => setPinned(it.scrollHeight - it.scrollTop - it.clientHeight < 24)}
        className="mono max-h-[28rem] min-h-16 overflow-y-auto bg-sunken px-4 py-2 text-sm"
      >
        {log.dropped > 0 ? (
          <p className="text-muted">
            … {log.dropped} earlier lines: attctl job watch {jobId}
          </p>
        ) : null}
        {count === 0 ? (
          <p className="text-muted">{log.state === "ended" ? "This job wrote nothing." : "Nothing written yet."}</p>
        ) : (
          log.lines.map((line) => (
            <div key={line.cursor} className="flex gap-3 whitespace-pre-wrap">
              <span className="shrink-0 text-muted select-none">{CLOCK.format(new Date(line.time))}</span>
              <span className="min-w-0 wrap-anywhere">{line.text}</span>
            </div>
          ))
        )}
      </div>
    </Panel>
  );
}

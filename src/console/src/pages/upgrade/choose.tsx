import { type DragEvent, useEffect, useRef, useState } from "react";
import { uploadFile } from "../../live/upload";
import { Button, buttonClass } from "../../parts/button";
import { Note, ProblemNote } from "../../parts/note";
import { Panel } from "../../parts/panel";
import { Progress } from "../../parts/progress";
import { bytes } from "../../parts/size";

interface Sending {
  file: File;
  sent: number;
  away: boolean;
}

/** Take a bundle by dialog or by drop and send it to the appliance. */
export function Choose({ onUploaded }: { onUploaded: (upload: string) => void }) {
  const [sending, setSending] = useState<Sending>();
  const [error, setError] = useState<unknown>();
  const [over, setOver] = useState(false);
  const stop = useRef<AbortController>(null);
  useEffect(() => () => stop.current?.abort(), []);
  useEffect(() => {
    if (!sending) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [sending]);

  const send = async (file: File | undefined) => {
    if (!file) return;
    const control = new AbortController();
    stop.current = control;
    setError(undefined);
    setSending({ file, sent: 0, away: false });
    try {
      const progress = (sent: number, away: boolean) => setSending({ file, sent, away });
      onUploaded(await uploadFile(file, progress, control.signal));
    } catch (failure) {
      if (!control.signal.aborted) setError(failure);
    } finally {
      setSending(undefined);
    }
  };

  if (sending) return <Uploading {...sending} onStop={() => stop.current?.abort()} />;
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    send(event.dataTransfer.files[0]);
  };
  return (
    <Panel title="Choose a bundle">
      {error ? (
        <div className="mb-4">
          <ProblemNote error={error} />
        </div>
      ) : null}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: dropping is an extra; the file dialog inside does the same */}
      <div
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
        className={`flex flex-col items-center gap-3 rounded-md border border-dashed px-4 py-10 text-center ${over ? "border-accent bg-accent-soft" : "border-edge"}`}
      >
        <p>
          Drop an <span className="mono">.attb</span> file here, or
        </p>
        <label
          className={`${buttonClass("primary")} has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-accent`}
        >
          Choose bundle…
          <input
            type="file"
            accept=".attb"
            className="sr-only"
            onChange={(event) => send(event.target.files?.[0] ?? undefined)}
          />
        </label>
        <p className="max-w-prose text-sm text-muted">
          Nothing changes yet: the appliance checks signature, contents and its own health, and shows you the plan.
        </p>
      </div>
    </Panel>
  );
}

function Uploading({ file, sent, away, onStop }: Sending & { onStop: () => void }) {
  return (
    <Panel
      title="Uploading"
      act={
        <Button size="sm" onClick={onStop}>
          Stop
        </Button>
      }
    >
      <Progress
        label={file.name}
        percent={file.size > 0 ? (sent / file.size) * 100 : 100}
        note={`${bytes(sent)} of ${bytes(file.size)}`}
      />
      {away ? (
        <div className="mt-3">
          <Note tone="warn" title="The appliance does not answer. The upload goes on where it is as soon as it does." />
        </div>
      ) : null}
    </Panel>
  );
}

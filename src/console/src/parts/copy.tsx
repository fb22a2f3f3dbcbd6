import { useState } from "react";
import { Button } from "./button";

/** Copies, and says so; without a clipboard (plain http on a LAN) it selects the text for Ctrl+C. */
export function CopyButton({ text, label = "Copy", select }: { text: string; label?: string; select?: () => void }) {
  const [done, setDone] = useState<"" | "copied" | "selected">("");
  return (
    <Button
      onClick={async () => {
        try {
          await navigator.clipboard.writeText(text);
          setDone("copied");
        } catch {
          select?.();
          setDone("selected");
        }
      }}
    >
      <span aria-live="polite">
        {done === "copied" ? "Copied" : done === "selected" ? "Selected: press Ctrl+C" : label}
      </span>
    </Button>
  );
}

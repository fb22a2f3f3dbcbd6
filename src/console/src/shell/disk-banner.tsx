import { useQuery } from "@tanstack/react-query";
import { status } from "../api/queries";
import { hintText, Note } from "../parts/note";

/** On every page: a disk gets full, or is so full that nothing is written any more. */
export function DiskBanner() {
  const bad = useQuery({
    ...status,
    select: (found) => found.checks.filter((check) => check.name.startsWith("disk ") && check.status !== "ok"),
  }).data;
  if (!bad?.length) return null;
  const full = bad.some((check) => check.status === "error");
  return (
    <div className="mb-5">
      <Note
        tone={full ? "bad" : "warn"}
        title={full ? "Nothing can be written: the disk is full or read-only." : "The disk gets full."}
      >
        {bad.map((check) => (
          <p key={check.name}>{hintText(`${check.name}: ${check.detail}`)}</p>
        ))}
      </Note>
    </div>
  );
}

import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import { history, job as jobQuery } from "../../api/queries";
import { Note } from "../../parts/note";
import { Progress } from "../../parts/progress";
import { instant } from "../../parts/time";

/** From a job that was just started to the page of its transaction, as soon as the engine has opened one. */
export function FollowJob({ jobId }: { jobId: string }) {
  const navigate = useNavigate();
  const job = useQuery({ ...jobQuery(jobId), refetchInterval: 700 });
  const newest = useQuery({ ...history(1), staleTime: 0, refetchInterval: 700 }).data?.transactions[0];
  const created = instant(job.data?.created);
  const begun = instant(newest?.started);
  const transaction = created !== undefined && begun !== undefined && begun >= created ? newest?.id : undefined;
  useEffect(() => {
    if (transaction) navigate({ to: "/releases/upgrade/$transaction", params: { transaction }, replace: true });
  }, [transaction, navigate]);
  const problem = job.data?.problem;
  return (
    <div className="p-4">
      {problem && !transaction ? (
        <Note alert tone="bad" title={problem.detail}>
          {problem.hint}
          <p className="mono mt-1 text-xs text-muted">{problem.code}</p>
        </Note>
      ) : (
        <Progress label="Handing over to the upgrade engine" />
      )}
    </div>
  );
}

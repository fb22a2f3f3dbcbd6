import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { body, client } from "../../api/client";
import { asProblem } from "../../api/problem";
import { type Plan, plan as planQuery } from "../../api/queries";
import { Await } from "../../parts/await";
import { Button } from "../../parts/button";
import { Dialog, DialogActs } from "../../parts/dialog";
import { hintText, Note, ProblemNote } from "../../parts/note";
import { Facts, Panel } from "../../parts/panel";
import { bytes } from "../../parts/size";
import { State } from "../../parts/state";
import { fullTime } from "../../parts/time";
import { may, me } from "../../shell/session";
import { FollowJob } from "./follow";

/** Refusals that a person may overrule, with what that means. */
const OVERRULES: Record<string, { field: "force" | "despite_baseline"; label: string }> = {
  version_bad: { field: "force", label: "Try this version again although it was rolled back before" },
  baseline_sick: {
    field: "despite_baseline",
    label: "Upgrade although the running release is not healthy; the failing checks are left out of the gate",
  },
};

export function PlanPanel({ upload, onOther }: { upload: string; onOther: () => void }) {
  const query = useQuery(planQuery(upload));
  return (
    <Panel
      flush
      title="Plan"
      act={
        <Button size="sm" onClick={onOther}>
          Choose another bundle
        </Button>
      }
    >
      <Await query={query} lines={6}>
        {(plan) => <PlanView plan={plan} upload={upload} />}
      </Await>
    </Panel>
  );
}

const DATA: Record<string, string> = {
  none: "stays as it is",
  additive: "is extended; going back keeps all that is written",
  breaking: "is changed; writes wait during the switch, and going back restores the snapshot",
};

function PlanView({ plan, upload }: { plan: Plan; upload: string }) {
  const overrule = plan.refusal ? OVERRULES[plan.refusal.code] : undefined;
  const [overruled, setOverruled] = useState(false);
  const [asking, setAsking] = useState(false);
  const operator = may(useQuery(me).data?.role, "operator");
  const apply = useMutation({
    mutationFn: () =>
      body(
        client.POST("/api/v1/upgrade/apply", {
          body: { upload, ...(overrule && overruled ? { [overrule.field]: true } : {}) },
          headers: { "Idempotency-Key": `console-${upload}-${overruled}` },
        }),
      ),
    retry: (failures, error) => asProblem(error).passing && failures < 20,
  });
  if (apply.data) return <FollowJob jobId={apply.data.job_id} />;
  const startable = operator && (!plan.refusal || (overrule !== undefined && overruled));
  return (
    <>
      <Facts
        rows={[
          [
            "From",
            <span key="from" className="mono">
              {plan.current}
            </span>,
          ],
          [
            "To",
            <span key="to" className="mono font-medium">
              {plan.version}
            </span>,
          ],
          ["Built", fullTime(plan.build_time)],
          [
            "Commit",
            <span key="commit" className="mono">
              {plan.commit}
            </span>,
          ],
          ["Size", bytes(plan.size_bytes)],
          ["Data", DATA[plan.schema_class] ?? plan.schema_class],
        ]}
      />
      <ul aria-label="Checks" className="divide-y divide-line border-t border-line">
        {plan.checks.map((check) => (
          <li key={check.name} className="grid grid-cols-[6.5rem_1fr] gap-x-3 px-4 py-1.5">
            <span>
              <State state={check.status} />
            </span>
            <span className="min-w-0 wrap-anywhere">
              <span className="font-medium">{check.name}</span> <span className="text-muted">{check.detail}</span>
            </span>
          </li>
        ))}
      </ul>
      <div className="flex flex-col gap-3 border-t border-line p-4">
        {plan.refusal ? (
          <Note tone="bad" title={plan.refusal.detail}>
            <p>{hintText(plan.refusal.hint)}</p>
            <p className="mono mt-1 text-xs text-muted">{plan.refusal.code}</p>
          </Note>
        ) : null}
        {overrule ? (
          <label className="flex cursor-pointer items-start gap-2">
            <input
              type="checkbox"
              className="mt-1 size-4 shrink-0 accent-accent"
              checked={overruled}
              onChange={(event) => setOverruled(event.target.checked)}
            />
            {overrule.label}
          </label>
        ) : null}
        {apply.isError ? <ProblemNote error={apply.error} /> : null}
        <div className="flex justify-end">
          <Button look="primary" disabled={!startable} busy={apply.isPending} onClick={() => setAsking(true)}>
            {apply.isPending ? "Starting…" : `Upgrade to ${plan.version}`}
          </Button>
        </div>
      </div>
      {asking ? (
        <Dialog title={`Upgrade to ${plan.version}?`} onClose={() => setAsking(false)}>
          <p>
            Services restart once; requests wait meanwhile and none is lost. If the new release does not prove healthy,
            the appliance goes back to <span className="mono">{plan.current}</span> by itself.
          </p>
          <p className="text-muted">You may close this page at any time: the upgrade does not depend on it.</p>
          <DialogActs>
            <Button onClick={() => setAsking(false)}>Not now</Button>
            <Button
              look="primary"
              autoFocus
              onClick={() => {
                setAsking(false);
                apply.mutate();
              }}
            >
              Start upgrade
            </Button>
          </DialogActs>
        </Dialog>
      ) : null}
    </>
  );
}

import { useMutation } from "@tanstack/react-query";
import { body, client } from "../../api/client";
import { confirmed } from "../../api/confirm";
import { Button } from "../../parts/button";
import { Dialog, DialogActs } from "../../parts/dialog";
import { ProblemNote } from "../../parts/note";
import { FollowJob } from "../upgrade/follow";

export function RollBack({ to, onClose }: { to: string; onClose: () => void }) {
  const roll = useMutation({
    mutationFn: () => confirmed((headers) => body(client.POST("/api/v1/rollback", { body: { to }, headers }))),
  });
  return (
    <Dialog title={`Roll back to ${to}?`} onClose={onClose}>
      {roll.data ? (
        <FollowJob jobId={roll.data.job_id} />
      ) : (
        <>
          <p>
            <span className="mono">{to}</span> is installed and verified. Services restart once; requests wait
            meanwhile.
          </p>
          <p className="text-muted">
            What was written stays. A release that cannot read the present data is refused as a target before anything
            happens.
          </p>
          {roll.isError ? <ProblemNote error={roll.error} /> : null}
          <DialogActs>
            <Button autoFocus onClick={onClose}>
              Stay
            </Button>
            <Button look="danger" busy={roll.isPending} onClick={() => roll.mutate()}>
              Roll back
            </Button>
          </DialogActs>
        </>
      )}
    </Dialog>
  );
}

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { body, client } from "../../api/client";
import { confirmed } from "../../api/confirm";
import type { Token } from "../../api/queries";
import { Button } from "../../parts/button";
import { Dialog, DialogActs } from "../../parts/dialog";
import { ProblemNote } from "../../parts/note";

export function RevokeToken({ token, onClose }: { token: Token; onClose: () => void }) {
  const queries = useQueryClient();
  const revoke = useMutation({
    mutationFn: () =>
      confirmed((headers) =>
        body(
          client.DELETE("/api/v1/tokens/{token_id}", {
            params: { path: { token_id: token.id } },
            headers,
          }),
        ),
      ),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["tokens"] });
      onClose();
    },
  });
  return (
    <Dialog title={`Revoke ${token.name}?`} onClose={onClose}>
      <p>
        Whatever uses <span className="font-medium">{token.name}</span> ({token.role}) is refused at once. This cannot
        be undone; make a new token instead.
      </p>
      {revoke.isError ? <ProblemNote error={revoke.error} /> : null}
      <DialogActs>
        <Button autoFocus onClick={onClose}>
          Keep token
        </Button>
        <Button look="danger" busy={revoke.isPending} onClick={() => revoke.mutate()}>
          Revoke token
        </Button>
      </DialogActs>
    </Dialog>
  );
}

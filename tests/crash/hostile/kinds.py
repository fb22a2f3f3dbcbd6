"""Every kind of hostile bundle, by name."""

from tests.crash.hostile.files import ARCHIVES
from tests.crash.hostile.kind import Kind, raw
from tests.crash.hostile.machines import MACHINES
from tests.crash.hostile.members import PLACES, lying_tree, one_more
from tests.crash.hostile.metadata import METADATAS
from tests.crash.hostile.signers import SIGNATURES
from tests.fakes.hostile_bundles import FILES, LYING_TREES, MEMBERS

KINDS: dict[str, Kind] = {
    **ARCHIVES,
    **SIGNATURES,
    **METADATAS,
    **PLACES,
    **MACHINES,
    **{f"file: {name}": Kind(code, raw(content)) for name, (content, code) in FILES.items()},
    **{f"listed: {name}": lying_tree(name) for name in LYING_TREES},
    **{f"member: {name}": one_more(name) for name in MEMBERS},
}

"""What each group of commands is for, in one line of help. A test holds this list against the tree."""

from collections.abc import Mapping
from types import MappingProxyType

GROUPS: Mapping[tuple[str, ...], str] = MappingProxyType(
    {
        ("audit",): "Read who did what, and check that the log of it is whole",
        ("backup",): "Keep everything this appliance knows in one file, and bring it back",
        ("bootstrap",): "Let ATT change, release and redeploy itself",
        ("code",): "Read, write and search the files of a project",
        ("config",): "Show, check and change the appliance's settings",
        ("diag",): "Gather what support needs to see",
        ("disk",): "See what takes the disk, and grow it",
        ("git",): "Commit, branch, push and review in a project",
        ("git", "policy"): "Say what a merge needs",
        ("git", "pr"): "Open, review and merge pull requests",
        ("git", "remote"): "Name repositories on other hosts",
        ("job",): "Follow or stop long work",
        ("metrics",): "Read what the API counts and measures",
        ("log",): "Say how much the services write",
        ("models",): "Say which models the apps may use",
        ("nat",): "Look at NAT's components and check a project's config",
        ("network",): "Set the machine's address, proxy and authorities; what nobody confirms reverts by itself",
        ("project",): "Create, import, list and delete projects",
        ("project", "credentials"): "Keep what other hosts ask for private repositories",
        ("project", "variables"): "Set what a project's apps find in their environment",
        ("release",): "See the releases that are installed",
        ("runtime",): "Start, stop and watch a project's app",
        ("secrets",): "Check who can read the appliance's secrets, and rotate its keys",
        ("sessions",): "End what people are signed in with",
        ("ssh-key",): "Say who enters at the SSH door",
        ("test",): "Run a project's tests and read their results",
        ("time",): "Look at the clock and at what sets it",
        ("tls",): "Look at the certificate of the appliance port and replace it",
        ("token",): "Make and take back API tokens",
        ("tools",): "Find an operation by words",
        ("trace",): "Read the steps of an app's runs",
        ("upgrade",): "Plan, apply and look back at upgrades",
    }
)

"""What the package index shows of the project, from one setting: the address of its repository.

Links and pictures of the README are relative, as a repository wants them. The package index shows the README alone,
so there they have to name the repository: the tag of the version that is built. hatchling finds this file by its name.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_RELATIVE = r"(?!https?:|#)"
_LINK = re.compile(rf"\]\({_RELATIVE}")
_PICTURE = re.compile(rf'src="{_RELATIVE}')


class AddressHook(MetadataHookInterface):
    """Gives the README with whole addresses, and the links beside it.

    The setting is `repository` of `[tool.hatch.metadata.hooks.custom]`. Where it is empty, the README stays as it is.
    """

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        """Put them into the metadata of the project."""
        readme = Path(self.root, "README.md").read_text(encoding="utf-8")
        if repository := self.config["repository"].rstrip("/"):
            version = f"v{metadata['version']}"
            # `blob` shows a file as a page, `raw` is the file itself: what a picture needs.
            readme = _LINK.sub(f"]({repository}/blob/{version}/", readme)
            readme = _PICTURE.sub(f'src="{repository}/raw/{version}/', readme)
            metadata["urls"] = {
                "Source": repository,
                "Documentation": f"{repository}/blob/{version}/docs/index.md",
                "Changelog": f"{repository}/blob/{version}/CHANGELOG.md",
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": readme}

"""The local AWS: MiniStack with the services a rehearsal needs, made as strict as AWS."""

MINISTACK_VERSION = "1.5.33"

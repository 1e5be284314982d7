"""The jobs that a workchain ran."""

from aiida import orm


def jobs_of(node):
    return [child for child in node.called if isinstance(child, orm.CalcJobNode)]


def statuses(node):
    return [job.exit_status for job in jobs_of(node)]

"""Who may do what in the database, as PostgreSQL itself has it, a line a right; and the table of what was meant (LP-1).

The table is `database_rights.txt`, made by `python -m tests.house.rights` and read by people when it changes. Rights of
the owner on what it owns are left out: no running process is the owner.
"""

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any, Final

from strongroom.policy.clauses import asking

OURS: Final = "strongroom\\_%"

RELATIONS: Final = """
SELECT CASE c.relkind WHEN 'S' THEN 'sequence ' ELSE 'table ' END || regexp_replace(c.relname, '_\\d{6,8}$', '_PART'),
       coalesce(g.rolname, 'everybody'), a.privilege_type || CASE WHEN a.is_grantable THEN ' to give' ELSE '' END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL aclexplode(c.relacl) a LEFT JOIN pg_roles g ON g.oid = a.grantee
WHERE n.nspname = 'public' AND a.grantee <> c.relowner
"""
COLUMNS: Final = """
SELECT 'column ' || regexp_replace(c.relname, '_\\d{6,8}$', '_PART') || '.' || t.attname,
       coalesce(g.rolname, 'everybody'), a.privilege_type || CASE WHEN a.is_grantable THEN ' to give' ELSE '' END
FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL aclexplode(t.attacl) a LEFT JOIN pg_roles g ON g.oid = a.grantee
WHERE n.nspname = 'public' AND a.grantee <> c.relowner AND NOT t.attisdropped
"""
FUNCTIONS: Final = """
SELECT 'function ' || p.proname || CASE WHEN p.prosecdef THEN ' as its owner' ELSE '' END,
       coalesce(g.rolname, 'everybody'), a.privilege_type || CASE WHEN a.is_grantable THEN ' to give' ELSE '' END
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
LEFT JOIN pg_roles g ON g.oid = a.grantee
WHERE n.nspname = 'public' AND a.grantee <> p.proowner AND (p.prosecdef OR a.grantee <> 0)
"""
AROUND: Final = """
SELECT 'schema public', coalesce(g.rolname, 'everybody'), a.privilege_type FROM pg_namespace n
CROSS JOIN LATERAL aclexplode(n.nspacl) a LEFT JOIN pg_roles g ON g.oid = a.grantee
WHERE n.nspname = 'public' AND a.grantee <> n.nspowner
UNION SELECT 'database', coalesce(g.rolname, 'everybody'), a.privilege_type FROM pg_database d
CROSS JOIN LATERAL aclexplode(d.datacl) a LEFT JOIN pg_roles g ON g.oid = a.grantee
WHERE d.datname = current_database() AND a.grantee <> d.datdba
UNION SELECT 'to come: ' || d.defaclobjtype::text, coalesce(g.rolname, 'everybody'), a.privilege_type
FROM pg_default_acl d
CROSS JOIN LATERAL aclexplode(d.defaclacl) a LEFT JOIN pg_roles g ON g.oid = a.grantee
WHERE a.grantee <> d.defaclrole
"""
ATTRIBUTES: Final = """
SELECT 'role', r.rolname, trim(CASE WHEN rolsuper THEN 'superuser ' ELSE '' END
       || CASE WHEN rolcreatedb THEN 'createdb ' ELSE '' END || CASE WHEN rolcreaterole THEN 'createrole ' ELSE '' END
       || CASE WHEN rolreplication THEN 'replication ' ELSE '' END
       || CASE WHEN rolbypassrls THEN 'bypassrls ' ELSE '' END
       || CASE WHEN rolcanlogin THEN 'login' ELSE '' END)
FROM pg_roles r WHERE r.rolname LIKE %s
"""
MEMBERS: Final = """
SELECT 'member of ' || g.rolname, m.rolname, 'member' FROM pg_auth_members a
JOIN pg_roles g ON g.oid = a.roleid JOIN pg_roles m ON m.oid = a.member
WHERE (m.rolname LIKE %s OR g.rolname LIKE %s) AND NOT (m.rolsuper OR (a.admin_option AND m.rolcreaterole))
"""
OWNERS: Final = """
SELECT 'owner', pg_get_userbyid(o.owner), o.what FROM (
    SELECT c.relowner AS owner, 'relations' AS what FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'S', 'v', 'm', 'f')
    UNION SELECT p.proowner, 'functions' FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = 'public'
    UNION SELECT d.datdba, 'database' FROM pg_database d WHERE d.datname = current_database()
    UNION SELECT n.nspowner, 'schema' FROM pg_namespace n WHERE n.nspname = 'public'
) o
"""
RIGHTS: Final = (RELATIONS, COLUMNS, FUNCTIONS, AROUND)
"""What roles may do with things. The rest says who the roles are: `STANDING`."""
STANDING: Final = ((ATTRIBUTES, (OURS,)), (MEMBERS, (OURS, OURS)), (OWNERS, ()))


def rights() -> set[str]:
    """Sweep: every right that somebody other than its owner has, as PostgreSQL has it now."""
    return {line for query in RIGHTS for line in _lines(asking.rows(query))}


def standing() -> set[str]:
    """Sweep: what our roles are: attributes, memberships, what they own."""
    return {line for query, values in STANDING for line in _lines(asking.rows(query, *values))}


@cache
def meant() -> frozenset[str]:
    """The table, line by line."""
    text = (files(__package__) / "database_rights.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if line)


def is_standing(line: str) -> bool:
    """Whether a line says who a role is, rather than what it may do."""
    return line.startswith(("role:", "owner:", "member of "))


def _lines(rows: Iterable[tuple[Any, ...]]) -> set[str]:
    return {f"{thing}: {role.removeprefix('strongroom_')} {what}".rstrip() for thing, role, what in rows}

"""Reads every view of a published file and every table of a snapshot with the running DuckDB, in three time zones.

`make old-readers` runs it with old versions of DuckDB. It uses nothing of the platform: those versions have none.
Arguments: the files. Ends with 1 if a view cannot be read or tells zones apart.
"""

import sys

import duckdb

ZONES = ("UTC", "America/New_York", "Asia/Tokyo")


def content(file: str, zone: str) -> dict[str, str]:
    """Rows and an order-free digest of each view; the error where it cannot be read."""
    found = {}
    with duckdb.connect(file, read_only=True) as connection:
        connection.execute(f"set TimeZone = '{zone}'")
        names = connection.execute(
            "select table_name from information_schema.tables where table_schema = 'main' order by 1"
        ).fetchall()
        for (name,) in names:
            try:
                (row,) = connection.execute(
                    f'select count(*), sum(hash(columns(* exclude (lag_s, completeness_today)))) from "{name}"'
                    if name == "device_status"
                    else f'select count(*), sum(hash(columns(*))) from "{name}"'
                ).fetchall()
                found[name] = str(row)
            except duckdb.Error as error:
                found[name] = f"error: {str(error).splitlines()[0]}"
    return found


def main() -> None:
    is_right = True
    for file in sys.argv[1:]:
        first, *others = [content(file, zone) for zone in ZONES]
        failed = {name: text for name, text in first.items() if text.startswith("error: ")}
        differ = [name for name in first if any(other.get(name) != first[name] for other in others)]
        print(f"DuckDB {duckdb.__version__}: {len(first)} tables of {file}, {len(failed)} failed, {len(differ)} differ")
        for name, text in failed.items():
            print(f"  {name}: {text}")
        for name in differ:
            print(f"  {name} is not the same in {', '.join(ZONES)}")
        is_right = is_right and bool(first) and not failed and not differ
    sys.exit(not is_right)


if __name__ == "__main__":
    main()

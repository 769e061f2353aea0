#!/usr/bin/env python3
"""How often the kind is right: `kinds.py RESULTS kinds.json`.

A labelled interval is found if an alarm opens in it or within 16 rows behind it; its kind is right if the first kind that
stands in that stretch is the labelled one.
"""
import csv
import json
import os
import sys
from collections import Counter

LAG_ROWS = 16

results, labels = sys.argv[1], json.load(open(sys.argv[2]))
total, found, right = Counter(), Counter(), Counter()
for path, intervals in sorted(labels.items()):
    file = os.path.join(results, path)
    rows = list(csv.DictReader(open(file)))
    stamps = [row["timestamp"] for row in rows]
    for interval in intervals:
        kind = interval["kind"]
        inside = [i for i, stamp in enumerate(stamps) if interval["start"] <= stamp <= interval["end"]]
        if not inside:
            continue
        total[kind] += 1
        stretch = rows[inside[0] : inside[-1] + 1 + LAG_ROWS]
        if any(row["alarm"] == "1" for row in stretch):
            found[kind] += 1
            said = next((row["kind"] for row in stretch if row["kind"]), None)
            right[kind] += said == kind
for kind in sorted(total):
    print(f"{kind:<16} {total[kind]:>3} labelled  {found[kind]:>3} found  {right[kind]:>3} with the right kind")
print(f"{'all':<16} {sum(total.values()):>3} labelled  {sum(found.values()):>3} found  {sum(right.values()):>3} with the right kind")

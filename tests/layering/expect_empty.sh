#!/bin/sh
# expect_empty.sh FILE TARGET WHY: fails, naming what FILE lists, if it is not empty.
if [ -s "$1" ]; then
  echo "$2 $3, but depends on:"
  cat "$1"
  exit 1
fi

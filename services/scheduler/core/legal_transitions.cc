#include "services/scheduler/core/legal_transitions.h"

#include <fstream>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace nevus::scheduler {

Transitions LegalTransitions(const std::string& name) {
  struct Row {
    std::string from;
    std::string to;
  };
  std::vector<Row> rows;
  std::ifstream file("protos/nevus/v1/job.proto");
  std::string line;
  while (std::getline(file, line)) {
    if (line == absl::StrCat("enum ", name, " {")) break;
    if (!absl::StartsWith(line, "//")) rows.clear();  // of something else
    if (!absl::StartsWith(line, "// |")) continue;
    std::vector<std::string> cells = absl::StrSplit(line, '|');
    if (cells.size() != 5 || absl::StartsWith(cells[1], "--") ||
        absl::StrContains(cells[1], " from ")) {
      continue;
    }
    const absl::string_view to = absl::StripAsciiWhitespace(cells[3]);
    if (!to.empty()) rows.push_back({"", std::string(to)});
    if (!rows.empty()) absl::StrAppend(&rows.back().from, cells[1], ",");
  }
  Transitions legal;
  for (const Row& row : rows) {
    for (absl::string_view from : absl::StrSplit(row.from, ',')) {
      from = absl::StripAsciiWhitespace(from);
      if (!from.empty()) legal.emplace(from, row.to);
    }
  }
  return legal;
}

}  // namespace nevus::scheduler

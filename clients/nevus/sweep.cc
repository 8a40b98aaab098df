#include "clients/nevus/sweep.h"

#include <algorithm>
#include <limits>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/name.h"
#include "base/status.h"
#include "clients/nevus/command.h"

namespace nevus {
namespace {

constexpr char kExample[] =
    "write --sweep hidden=0,64,256 or --sweep seed=1..5";

absl::Status TooMany(const std::string& what) {
  return UsageError(absl::StrCat("--sweep asks for ", what, "; the most is ",
                                 kMaxSweep,
                                 " combinations of hidden and seed"));
}

absl::StatusOr<uint64_t> Number(const std::string& name, uint64_t most,
                                const std::string& text) {
  uint64_t value = 0;
  if (absl::SimpleAtoi(text, &value) && value <= most) return value;
  const bool limited = most != std::numeric_limits<uint64_t>::max();
  return UsageError(absl::StrCat(
      "--sweep ", name, " takes whole numbers from 0",
      limited ? absl::StrCat(" to ", most) : "",
      " and ranges A..B, joined by commas; it was given ", Quoted(text)));
}

// "0,64,1..5" -> 0, 64, 1, 2, 3, 4, 5.
absl::StatusOr<std::vector<uint64_t>> Values(const std::string& name,
                                             uint64_t most,
                                             const std::string& text) {
  std::vector<uint64_t> values;
  std::set<uint64_t> seen;
  for (const std::string& part :
       std::vector<std::string>(absl::StrSplit(text, ','))) {
    const size_t dots = part.find("..");
    ASSIGN_OR_RETURN(const uint64_t first,
                     Number(name, most, part.substr(0, dots)));
    uint64_t last = first;
    if (dots != std::string::npos) {
      ASSIGN_OR_RETURN(last, Number(name, most, part.substr(dots + 2)));
    }
    if (last < first) {
      return UsageError(absl::StrCat("--sweep ", name, "=", part,
                                     " goes down; write ", last, "..", first));
    }
    // Before the values are made: a range can be longer than memory.
    if (last - first >= static_cast<uint64_t>(kMaxSweep)) {
      return TooMany(
          absl::StrCat("the values ", first, " to ", last, " of ", name));
    }
    for (uint64_t value = first;; ++value) {
      if (!seen.insert(value).second) {
        return UsageError(
            absl::StrCat("--sweep ", name, " has ", value, " twice"));
      }
      values.push_back(value);
      if (value == last) break;
    }
  }
  return values;
}

}  // namespace

absl::StatusOr<v1::Sweep> ParseSweep(const std::vector<std::string>& texts) {
  v1::Sweep sweep;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) {
      return UsageError(absl::StrCat("--sweep ", Quoted(text),
                                     " is not NAME=VALUES; ", kExample));
    }
    const std::string name = text.substr(0, equals);
    if (name != "hidden" && name != "seed") {
      return UsageError(absl::StrCat("--sweep knows hidden and seed, not ",
                                     Quoted(name), "; ", kExample));
    }
    if (name == "hidden" ? sweep.hidden_size() > 0 : sweep.seed_size() > 0) {
      return UsageError(
          absl::StrCat("--sweep ", name,
                       " is given twice; write all its values in one, such as ",
                       name, "=1..5,9"));
    }
    ASSIGN_OR_RETURN(
        const std::vector<uint64_t> values,
        Values(name,
               name == "hidden" ? static_cast<uint64_t>(kMaxHidden)
                                : std::numeric_limits<uint64_t>::max(),
               text.substr(equals + 1)));
    for (const uint64_t value : values) {
      if (name == "hidden") {
        sweep.add_hidden(static_cast<int32_t>(value));
      } else {
        sweep.add_seed(value);
      }
    }
  }
  if (Combinations(sweep) > kMaxSweep) {
    return TooMany(absl::StrCat(Combinations(sweep), " classifiers"));
  }
  return sweep;
}

int64_t Combinations(const v1::Sweep& sweep) {
  return int64_t{std::max(1, sweep.hidden_size())} *
         std::max(1, sweep.seed_size());
}

}  // namespace nevus

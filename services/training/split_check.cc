#include "services/training/split_check.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/name.h"
#include "base/status.h"
#include "services/runtime/convert.h"

namespace nevus {

bool IsPositive(const v1::Example& example, const std::string& positive) {
  return example.label() == positive;
}

std::vector<v1::Example> RowsOf(const std::vector<v1::Example>& examples,
                                v1::Split split) {
  std::vector<v1::Example> rows;
  for (const v1::Example& example : examples) {
    if (example.split() == split) rows.push_back(example);
  }
  return rows;
}

std::vector<v1::Example> LearnableRows(const std::vector<v1::Example>& examples,
                                       v1::Split split,
                                       std::vector<std::string>& left_out) {
  // TRAIN < VALIDATION < TEST, as the contract numbers them.
  std::set<std::string> later;
  for (const v1::Example& example : examples) {
    if (example.split() > split) later.insert(example.image_digest());
  }
  std::vector<v1::Example> rows;
  for (v1::Example& row : RowsOf(examples, split)) {
    if (later.count(row.image_digest()) > 0) {
      left_out.push_back(row.id());
    } else {
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

std::vector<std::string> ImagesOf(const std::vector<v1::Example>& examples) {
  std::vector<std::string> images;
  for (const v1::Example& example : examples) {
    images.push_back(example.image_digest());
  }
  return images;
}

absl::Status CheckLabelOccurs(const std::vector<v1::Example>& examples,
                              const std::string& positive) {
  std::set<std::string> labels;
  for (const v1::Example& example : examples) labels.insert(example.label());
  if (labels.count(positive) > 0) return absl::OkStatus();
  // A list that a person reads; a dataset may have thousands of labels.
  constexpr size_t kMostShown = 20;
  std::vector<std::string> shown;
  for (const std::string& label : labels) {
    if (shown.size() == kMostShown) {
      shown.push_back("...");
      break;
    }
    shown.push_back(Quoted(label));
  }
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          "no train or validation row has the label ", Quoted(positive),
          "; the labels are ", absl::StrJoin(shown, ", "),
          ". Name one of them as positive")),
      "LABEL_UNKNOWN");
}

absl::Status CheckBothClasses(const std::string& dataset, v1::Split split,
                              const std::vector<v1::Example>& examples,
                              const std::string& positive) {
  const std::string name = SplitName(split);
  if (examples.empty()) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            dataset, " has no ", name,
            " rows; at least one of each class is needed. Draw splits with "
            "`nevus dataset split` or import with `--split ",
            name, "`, then seal")),
        "SPLIT_EMPTY", {{"split", name}});
  }
  const size_t positives = std::count_if(
      examples.begin(), examples.end(),
      [&](const v1::Example& e) { return IsPositive(e, positive); });
  if (positives == 0 || positives == examples.size()) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            positives, " of the ", examples.size(), " ", name, " rows of ",
            dataset, " are ", Quoted(positive),
            "; both classes are needed. Add rows of the other class, or split "
            "anew, then seal")),
        "CLASS_MISSING", {{"split", name}});
  }
  return absl::OkStatus();
}

}  // namespace nevus

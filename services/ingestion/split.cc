#include "services/ingestion/split.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/status.h"

namespace nevus {
namespace {

// What sums like 0.7 + 0.15 + 0.15 may be off by, and decimals cut by hand.
constexpr double kFractionTolerance = 1e-6;

absl::Status CheckFractions(const SplitFractions& fractions) {
  const auto is_share = [](double x) { return x >= 0 && x <= 1; };
  const double sum = fractions.train + fractions.validation + fractions.test;
  if (is_share(fractions.train) && is_share(fractions.validation) &&
      is_share(fractions.test) && std::abs(sum - 1) <= kFractionTolerance) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          "fractions ", fractions.train, ", ", fractions.validation, " and ",
          fractions.test, " are no shares of a whole; each goes from 0 to 1 ",
          "and together they are 1, such as 0.7, 0.15 and 0.15")),
      "FRACTIONS_INVALID");
}

// For each row the first row that it must share a split with, through chains of
// groups and images in common (union-find, the smaller index being the root).
std::vector<size_t> FindRoots(const std::vector<v1::Example>& rows) {
  std::vector<size_t> parent(rows.size());
  std::iota(parent.begin(), parent.end(), 0);
  const auto root_of = [&](size_t i) {
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
  };
  const auto join = [&](size_t i, size_t j) {
    const auto [first, second] = std::minmax({root_of(i), root_of(j)});
    parent[second] = first;
  };
  std::unordered_map<std::string, size_t> groups, images;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].group().empty()) {
      join(i, groups.emplace(rows[i].group(), i).first->second);
    }
    join(i, images.emplace(rows[i].image_digest(), i).first->second);
  }
  std::vector<size_t> roots(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) roots[i] = root_of(i);
  return roots;
}

// The groups, by their root, of each label.
std::map<std::string, std::vector<size_t>> Stratify(
    const std::vector<v1::Example>& rows, const std::vector<size_t>& roots) {
  std::unordered_map<std::string, int64_t> counts;
  for (const v1::Example& row : rows) ++counts[row.label()];
  const auto is_rarer = [&](const std::string& a, const std::string& b) {
    return std::make_pair(counts.at(a), a) < std::make_pair(counts.at(b), b);
  };
  std::map<size_t, std::string> labels;
  for (size_t i = 0; i < rows.size(); ++i) {
    std::string& label =
        labels.emplace(roots[i], rows[i].label()).first->second;
    if (is_rarer(rows[i].label(), label)) label = rows[i].label();
  }
  std::map<std::string, std::vector<size_t>> strata;
  for (const auto& [root, label] : labels) strata[label].push_back(root);
  return strata;
}

// What decides the place of the group whose first example is `id`.
std::string DrawOf(uint64_t seed, const std::string& id) {
  Sha256 hash;
  hash.UpdateField("nevus split 1");
  hash.UpdateField(absl::StrCat(seed));
  hash.UpdateField(id);
  return hash.Hex();
}

}  // namespace

absl::StatusOr<std::map<std::string, v1::Split>> DrawSplits(
    const std::vector<v1::Example>& rows, const SplitFractions& fractions,
    uint64_t seed) {
  RETURN_IF_ERROR(CheckFractions(fractions));
  const double until_validation = fractions.train + fractions.validation;
  const double whole = until_validation + fractions.test;
  const std::vector<size_t> roots = FindRoots(rows);

  std::unordered_map<size_t, v1::Split> split_of_root;
  for (const auto& [label, groups] : Stratify(rows, roots)) {
    std::vector<std::pair<std::string, size_t>> drawn;
    for (const size_t root : groups) {
      drawn.emplace_back(DrawOf(seed, rows[root].id()), root);
    }
    std::sort(drawn.begin(), drawn.end());
    // Both ends are rounded, so each split is within one group of its share.
    const auto end_of = [&](double share) {
      return static_cast<size_t>(
          std::llround(static_cast<double>(drawn.size()) * (share / whole)));
    };
    const size_t train_end = end_of(fractions.train);
    const size_t validation_end = end_of(until_validation);
    for (size_t i = 0; i < drawn.size(); ++i) {
      split_of_root[drawn[i].second] = i < train_end        ? v1::TRAIN
                                       : i < validation_end ? v1::VALIDATION
                                                            : v1::TEST;
    }
  }
  std::map<std::string, v1::Split> splits;
  for (size_t i = 0; i < rows.size(); ++i) {
    splits[rows[i].id()] = split_of_root.at(roots[i]);
  }
  return splits;
}

}  // namespace nevus

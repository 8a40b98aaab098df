#include "services/training/sweep.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace nevus {
namespace {

constexpr int kDefaultHidden = 256;
constexpr int kMaxHidden = 4096;  // the contract's limits (model.proto)
constexpr int64_t kMaxCombinations = 1000;
// Of a head, which travels in one message of kMaxMessageBytes with the rest of
// its model: 60 MiB of floats.
constexpr int64_t kMaxHeadWeights = 15 << 20;
// Of one that is kept as a checkpoint of at most 48 MiB: 44 MiB of floats.
constexpr int64_t kMaxCandidateWeights = 11 << 20;

absl::Status SweepInvalid(const std::string& problem) {
  return WithReason(absl::InvalidArgumentError(problem), "SWEEP_INVALID");
}

absl::Status CheckHidden(int hidden) {
  if (hidden >= 0 && hidden <= kMaxHidden) return absl::OkStatus();
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          hidden, " hidden units are not possible; 0 to ", kMaxHidden,
          " are, 0 for logistic regression. Choose a number among them")),
      "HIDDEN_INVALID");
}

// INVALID_ARGUMENT naming a value that occurs twice.
template <typename List>
absl::Status CheckDistinct(const std::string& name, const List& list) {
  std::vector<typename List::value_type> values(list.begin(), list.end());
  std::sort(values.begin(), values.end());
  const auto twice = std::adjacent_find(values.begin(), values.end());
  if (twice == values.end()) return absl::OkStatus();
  return SweepInvalid(absl::StrCat("the sweep names ", name, "=", *twice,
                                   " twice; each value is tried once. Leave "
                                   "one of them out"));
}

}  // namespace

std::string Combination::Title() const {
  return absl::StrCat("hidden=", hidden, " seed=", seed);
}

absl::StatusOr<std::vector<Combination>> CombinationsOf(
    const v1::TrainRequest& request) {
  if (!request.has_sweep()) {
    const int hidden = request.has_hidden() ? request.hidden() : kDefaultHidden;
    RETURN_IF_ERROR(CheckHidden(hidden));
    return std::vector<Combination>{{hidden, request.seed()}};
  }
  const v1::Sweep& sweep = request.sweep();
  if (request.has_hidden() || request.seed() != 0) {
    return SweepInvalid(
        "the request has a sweep, and hidden or seed beside it; what is tried "
        "is said once. Give the one value to the sweep, or leave the sweep "
        "out");
  }
  const int64_t count = std::max<int64_t>(sweep.hidden_size(), 1) *
                        std::max<int64_t>(sweep.seed_size(), 1);
  if (count > kMaxCombinations) {
    return SweepInvalid(
        absl::StrCat("the sweep has ", count, " combinations; the most is ",
                     kMaxCombinations, ". Try fewer values at a time"));
  }
  RETURN_IF_ERROR(CheckDistinct("hidden", sweep.hidden()));
  RETURN_IF_ERROR(CheckDistinct("seed", sweep.seed()));
  std::vector<int> hidden(sweep.hidden().begin(), sweep.hidden().end());
  if (hidden.empty()) hidden = {kDefaultHidden};
  std::vector<uint64_t> seeds(sweep.seed().begin(), sweep.seed().end());
  if (seeds.empty()) seeds = {0};
  std::vector<Combination> combinations;
  for (const int units : hidden) {
    RETURN_IF_ERROR(CheckHidden(units));
    for (const uint64_t seed : seeds) combinations.push_back({units, seed});
  }
  return combinations;
}

absl::Status CheckHeadSize(int hidden, int dimension, bool is_candidate) {
  const int64_t weights = int64_t{hidden} * dimension;
  const int64_t most = is_candidate ? kMaxCandidateWeights : kMaxHeadWeights;
  if (weights <= most) return absl::OkStatus();
  return WithReason(absl::InvalidArgumentError(absl::StrCat(
                        hidden, " hidden units on features of ", dimension,
                        " numbers are ", weights, " weights; the most is ",
                        most, is_candidate ? " in a sweep" : "",
                        ". Take fewer units, or pool the features")),
                    "HIDDEN_INVALID");
}

}  // namespace nevus

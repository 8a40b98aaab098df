// Checks of the training set and options, and the standardisation.
//
// feature -> [training] -> model. Plain loops in double: no tensor library.
#include "compute/classifier/training_input.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compute/classifier/row_stream.h"
#include "compute/classifier/vector_math.h"

namespace nevus {
namespace {

absl::Status BadOption(const std::string& field, double value,
                       const std::string& right) {
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          field, " is ", value, "; right is ", right, ". Change the option")),
      "BAD_OPTION", {{"field", field}});
}

absl::Status CheckOptions(const TrainOptions& options) {
  // Negated comparisons, so that NaN fails too.
  if (!(options.hidden >= 0 && options.hidden <= 16384)) {
    return BadOption("hidden", options.hidden, "0 to 16384");
  }
  if (!(options.dropout >= 0 && options.dropout < 1)) {
    return BadOption("dropout", options.dropout, "0 or more and below 1");
  }
  if (!(options.learning_rate > 0 && options.learning_rate <= 1)) {
    return BadOption("learning_rate", options.learning_rate,
                     "above 0 and at most 1");
  }
  // Beyond 1 the decay alone would flip the sign of every weight.
  const double decay = options.learning_rate * options.weight_decay;
  if (!(options.weight_decay >= 0 && decay <= 1)) {
    return BadOption("weight_decay", options.weight_decay,
                     "0 or more and at most 1 / learning_rate");
  }
  if (options.batch_size < 1) {
    return BadOption("batch_size", options.batch_size, "1 or more");
  }
  if (!(options.max_epochs >= 1 && options.max_epochs <= 100000)) {
    return BadOption("max_epochs", options.max_epochs, "1 to 100000");
  }
  if (options.patience < 1) {
    return BadOption("patience", options.patience, "1 or more");
  }
  return absl::OkStatus();
}

absl::Status BadSet(const std::string& split, const std::string& problem) {
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat("the ", split, " set ", problem)),
      "BAD_TRAINING_SET", {{"split", split}});
}

absl::Status CheckSet(const TrainingSet& set, const std::string& split) {
  if (set.dimension < 1) {
    return BadSet(split, absl::StrCat("has features of ", set.dimension,
                                      " numbers; right is 1 or more. Extract "
                                      "the features again"));
  }
  const size_t dimension = set.dimension;
  const size_t rows = set.labels.size();
  if (set.stored != nullptr && !set.features.empty()) {
    return BadSet(split,
                  "has features in memory and a place to read them from; right "
                  "is one of both. Leave the other out");
  }
  if (set.stored == nullptr && set.features.size() != rows * dimension) {
    return BadSet(
        split, absl::StrCat("has ", set.features.size(), " numbers; right is ",
                            rows, " labels x ", dimension,
                            " a feature. Give one feature for each label"));
  }
  if (rows == 0) {
    return WithReason(absl::FailedPreconditionError(absl::StrCat(
                          "the ", split,
                          " set has no rows; training needs positive and "
                          "negative ones. Put examples into the split ",
                          split)),
                      "SPLIT_EMPTY", {{"split", split}});
  }
  const auto bad_label = std::find_if(set.labels.begin(), set.labels.end(),
                                      [](uint8_t label) { return label > 1; });
  if (bad_label != set.labels.end()) {
    return BadSet(split, absl::StrCat("has the label ", *bad_label, " in row ",
                                      bad_label - set.labels.begin(),
                                      "; right is 0 or 1. Map the classes to "
                                      "positive and negative first"));
  }
  const size_t positives =
      std::count(set.labels.begin(), set.labels.end(), uint8_t{1});
  if (positives == 0 || positives == rows) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "the ", split, " set has ", positives, " positive and ",
            rows - positives,
            " negative rows; both classes are needed. Add "
            "examples of the missing class, or choose another positive class")),
        "CLASS_MISSING", {{"split", split}});
  }
  return absl::OkStatus();
}

absl::Status CheckFinite(const RowStream::Batch& batch, size_t dimension,
                         const std::string& split) {
  const size_t count = batch.count * dimension;
  if (AllFinite(batch.values, count)) return absl::OkStatus();
  const size_t i = std::find_if(batch.values, batch.values + count,
                                [](float v) { return !std::isfinite(v); }) -
                   batch.values;
  const int64_t row = batch.rows[i / dimension];
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          "number ", i % dimension, " of the feature in row ", row, " of the ",
          split, " set is ", batch.values[i],
          "; right is a finite number. Extract the features again")),
      "FEATURE_NOT_FINITE", {{"split", split}, {"row", absl::StrCat(row)}});
}

}  // namespace

absl::Status CheckTrainingInput(const TrainingSet& train,
                                const TrainingSet& validation,
                                const TrainOptions& options) {
  RETURN_IF_ERROR(CheckOptions(options));
  RETURN_IF_ERROR(CheckSet(train, "train"));
  RETURN_IF_ERROR(CheckSet(validation, "validation"));
  if (train.dimension != validation.dimension) {
    return BadSet(
        "validation",
        absl::StrCat("has features of ", validation.dimension,
                     " numbers; those of the train set have ", train.dimension,
                     ". Take both from one feature space"));
  }
  return absl::OkStatus();
}

absl::Status CheckFinite(const TrainingSet& set, const std::string& split) {
  return ForEachBatch(set, [&](const RowStream::Batch& batch) {
    return CheckFinite(batch, set.dimension, split);
  });
}

absl::StatusOr<Head> Standardisation(const TrainingSet& train) {
  const size_t dimension = train.dimension;
  const double rows = static_cast<double>(train.labels.size());
  std::vector<double> mean(dimension, 0);
  std::vector<double> deviation(dimension, 0);
  RETURN_IF_ERROR(ForEachBatch(train, [&](const RowStream::Batch& batch) {
    RETURN_IF_ERROR(CheckFinite(batch, dimension, "train"));
    for (size_t i = 0; i < batch.count; ++i) {
      AddTo(batch.values + i * dimension, dimension, mean.data());
    }
    return absl::OkStatus();
  }));
  for (double& value : mean) value /= rows;
  RETURN_IF_ERROR(ForEachBatch(train, [&](const RowStream::Batch& batch) {
    for (size_t i = 0; i < batch.count; ++i) {
      AddSquaredDistance(batch.values + i * dimension, mean.data(), dimension,
                         deviation.data());
    }
    return absl::OkStatus();
  }));
  for (double& value : deviation) value = std::sqrt(value / rows);

  Head head;
  head.inputs = train.dimension;
  head.mean.assign(mean.begin(), mean.end());
  for (size_t i = 0; i < dimension; ++i) {
    // Below this it is rounding that differs, not the images.
    const double noise = 1e-6 * std::abs(mean[i]);
    const float inverse = static_cast<float>(1 / deviation[i]);
    const bool varies = deviation[i] > noise && std::isfinite(inverse);
    head.inverse_std.push_back(varies ? inverse : 0);
  }
  return head;
}

}  // namespace nevus

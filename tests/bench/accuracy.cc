#include "tests/bench/accuracy.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/name.h"
#include "base/status.h"
#include "clients/cpp/files.h"
#include "clients/nevus/command.h"
#include "clients/nevus/csv.h"
#include "compute/classifier/train.h"
#include "compute/feature/arithmetic_choice.h"
#include "compute/feature/feature_extractor.h"

namespace nevus {
namespace {

constexpr int64_t kMaxFileBytes = 64 << 20;
constexpr int kSeeds = 3;

// How far an AUC may lie from fp32's.
double LargestDifference(Arithmetic arithmetic) {
  switch (arithmetic) {
    case Arithmetic::kFp32:
    case Arithmetic::kCudaFp32:
      return 0;
    case Arithmetic::kFp32Winograd:
      return 0.0005;
    case Arithmetic::kBf16:
    case Arithmetic::kCudaBf16:
      return 0.003;
    case Arithmetic::kInt8:
    case Arithmetic::kInt8Winograd:
      return 0.01;
  }
  return 0;
}

struct Labelled {
  std::vector<std::string> images;  // their bytes
  std::vector<uint8_t> labels;
};

absl::StatusOr<size_t> Column(const CsvRecord& header, const std::string& name,
                              const std::string& path) {
  const auto found =
      std::find(header.fields.begin(), header.fields.end(), name);
  if (found == header.fields.end()) {
    return UsageError(
        absl::StrCat(Quoted(path), " has no column ", Quoted(name)));
  }
  return found - header.fields.begin();
}

absl::StatusOr<Labelled> ReadSplit(const std::string& directory,
                                   const std::string& split) {
  const std::string path = absl::StrCat(directory, "/", split, "_labels.csv");
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxFileBytes));
  ASSIGN_OR_RETURN(const std::vector<CsvRecord> records, ParseCsv(text));
  ASSIGN_OR_RETURN(const size_t id, Column(records[0], "image_id", path));
  ASSIGN_OR_RETURN(const size_t label, Column(records[0], "melanoma", path));
  Labelled rows;
  for (size_t i = 1; i < records.size(); ++i) {
    ASSIGN_OR_RETURN(std::string image,
                     ReadFile(absl::StrCat(directory, "/", split, "/",
                                           records[i].fields[id], ".jpg"),
                              kMaxFileBytes));
    rows.images.push_back(std::move(image));
    rows.labels.push_back(records[i].fields[label] == "1.0");
  }
  return rows;
}

absl::StatusOr<TrainingSet> Extract(FeatureExtractor& extractor,
                                    const Labelled& rows) {
  TrainingSet set;
  set.dimension = extractor.dimension();
  set.labels = rows.labels;
  for (const auto& feature :
       extractor.Extract({rows.images.begin(), rows.images.end()})) {
    RETURN_IF_ERROR(feature.status());
    set.features.insert(set.features.end(), feature->begin(), feature->end());
  }
  return set;
}

absl::StatusOr<double> MeanAuc(const TrainingSet& train,
                               const TrainingSet& validation) {
  double sum = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    TrainOptions options;
    options.seed = seed;
    ASSIGN_OR_RETURN(const TrainedHead head,
                     TrainHead(train, validation, options, {}));
    sum += head.validation_auc;
  }
  return sum / kSeeds;
}

}  // namespace

std::string JudgeAuc(Arithmetic arithmetic, double auc, double exact) {
  if (arithmetic == Arithmetic::kFp32) return absl::StrFormat("%.4f", auc);
  const double most = LargestDifference(arithmetic);
  return absl::StrFormat("%.4f (%+.4f; within %g: %s)", auc, auc - exact, most,
                         std::abs(auc - exact) <= most ? "met" : "missed");
}

absl::StatusOr<Facts> AucOfEach(const Backbone& backbone,
                                const std::vector<FeatureSpaceSpec>& spaces,
                                const std::string& directory, int threads) {
  ASSIGN_OR_RETURN(const Labelled train, ReadSplit(directory, "train"));
  ASSIGN_OR_RETURN(const Labelled validation,
                   ReadSplit(directory, "validation"));
  Facts facts;
  double first = 0;
  for (FeatureSpaceSpec space : spaces) {
    if (NeedsCalibration(space.arithmetic)) {
      const size_t count =
          std::min<size_t>(kCalibrationImages, train.images.size());
      ASSIGN_OR_RETURN(space.calibration,
                       Calibrate(backbone, space.cut,
                                 PreparePlanes(backbone.info(),
                                               {train.images.begin(),
                                                train.images.begin() + count}),
                                 threads));
    }
    FeatureExtractorOptions options;
    options.threads = threads;
    ASSIGN_OR_RETURN(const auto extractor,
                     FeatureExtractor::Create(backbone, space, options));
    ASSIGN_OR_RETURN(const TrainingSet train_set, Extract(*extractor, train));
    ASSIGN_OR_RETURN(const TrainingSet validation_set,
                     Extract(*extractor, validation));
    ASSIGN_OR_RETURN(const double auc, MeanAuc(train_set, validation_set));
    if (facts.empty()) first = auc;
    facts.emplace_back(
        absl::StrCat(ArithmeticName(space.arithmetic), ", validation AUC"),
        JudgeAuc(space.arithmetic, auc, first));
  }
  return facts;
}

}  // namespace nevus

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/temp_dir.h"
#include "compute/backbone/arithmetic.h"
#include "compute/feature/feature_extractor.h"
#include "tests/bench/benches.h"
#include "tests/bench/photographs.h"
#include "tests/bench/vgg16_alone.h"

namespace nevus {
namespace {

constexpr double kTarget = 1.2;
// Enough for both classes in train and in validation.
constexpr int kLearned = 40;

// A model "bench@live" by the same way as any other: import, seal, extract,
// train, promote.
absl::Status MakeModel(BenchNode& node, const BenchOptions& options,
                       const std::vector<ExampleFile>& files) {
  Client& client = node.client();
  RETURN_IF_ERROR(node.ImportAndSeal("bench", files));
  RETURN_IF_ERROR(node.ImportVgg16(options.weights, options.input_size));
  v1::ExtractRequest extract;
  extract.set_dataset("bench");
  extract.set_version(1);
  extract.set_backbone("vgg16");
  extract.set_precision(options.precision);
  RETURN_IF_ERROR(
      node.Finish(client.Call(&v1::FeatureService::Stub::Extract, extract))
          .status());
  v1::TrainRequest train;
  train.set_dataset("bench");
  train.set_version(1);
  train.set_backbone("vgg16");
  train.set_precision(options.precision);
  train.set_model("bench");
  train.set_positive("melanoma");
  RETURN_IF_ERROR(
      node.Finish(client.Call(&v1::TrainingService::Stub::Train, train))
          .status());
  v1::PromoteModelRequest promote;
  promote.set_model("bench");
  promote.set_version(1);
  promote.set_alias("live");
  return client.Call(&v1::ModelService::Stub::PromoteModel, promote).status();
}

// The median over `count` calls of `work`, in milliseconds.
absl::StatusOr<double> MedianMillis(
    int count, const std::function<absl::Status(int)>& work) {
  std::vector<double> millis;
  for (int i = 0; i < count; ++i) {
    const Stopwatch watch;
    RETURN_IF_ERROR(work(i));
    millis.push_back(1000 * watch.Seconds());
  }
  return Median(millis);
}

}  // namespace

absl::StatusOr<Report> BenchServe(const BenchOptions& given) {
  BenchOptions options = given;
  const TempDir generated;
  ASSIGN_OR_RETURN(const std::vector<ExampleFile> files,
                   FindPhotographs("", kLearned, generated.path()));
  ASSIGN_OR_RETURN(const std::vector<std::string> photographs,
                   ReadPhotographs(files));
  ASSIGN_OR_RETURN(const std::unique_ptr<BenchNode> node,
                   BenchNode::Start(options.threads));
  ASSIGN_OR_RETURN(const std::unique_ptr<Backbone> backbone,
                   LoadVgg16(options.weights, options.input_size));
  ASSIGN_OR_RETURN(const std::unique_ptr<FeatureExtractor> extractor,
                   NewExtractor(*backbone, options.precision, options.threads));
  // Both sides compute alike: not what "auto" would find out on these images.
  options.precision = ArithmeticName(extractor->spec().arithmetic);
  options.progress(0, 0, "train a model to serve");
  RETURN_IF_ERROR(MakeModel(*node, options, files));
  ASSIGN_OR_RETURN(const std::vector<float> planes,
                   ReadyPlanes(backbone->info(), photographs));

  std::vector<float> feature(extractor->dimension());
  // Many of a kind before the other's turn: OpenMP's threads spin for some
  // milliseconds after their last work, and the neighbour pays for it.
  Lane network{absl::StrCat(ArithmeticName(extractor->spec().arithmetic),
                            ", network alone, batch 1"),
               "ms", [&] {
                 return MedianMillis(options.count, [&](int i) {
                   const size_t image = i % photographs.size();
                   return extractor->Forward(
                       &planes[image * (planes.size() / photographs.size())], 1,
                       feature.data());
                 });
               }};
  Lane request{"one request at a time, end to end", "ms", [&] {
                 return MedianMillis(options.count, [&](int i) {
                   v1::PredictRequest predict;
                   predict.set_model("bench");
                   predict.set_alias("live");
                   predict.set_image(photographs[i % photographs.size()]);
                   return node->client()
                       .Call(&v1::PredictionService::Stub::Predict, predict)
                       .status();
                 });
               }};
  RETURN_IF_ERROR(
      RunInTurns({&network, &request}, options.repeats, options.progress));

  Report report;
  report.ratios = {{"end to end / network alone",
                    Divide(request.values, network.values),
                    {},
                    kTarget}};
  report.lanes = {network, request};
  ASSIGN_OR_RETURN(report.facts, node->Facts());
  report.facts.emplace_back(
      "images", DescribePhotographs("", static_cast<int>(files.size())));
  report.facts.emplace_back("requests", absl::StrCat(options.count,
                                                     " a repeat, the next "
                                                     "after the answer"));
  return report;
}

}  // namespace nevus

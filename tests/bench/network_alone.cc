#include "tests/bench/network_alone.h"

#include "base/status.h"
#include "clients/cpp/files.h"
#include "compute/feature/feature_space.h"
#include "compute/image/decode.h"
#include "compute/image/preprocess.h"

namespace nevus {
namespace {

constexpr int64_t kMaxWeightsBytes = 1 << 30;

}  // namespace

absl::StatusOr<std::unique_ptr<Backbone>> LoadNetwork(
    const WeightsChoice& weights, int input_size) {
  BackboneSource source;
  source.arch = weights.arch;
  source.input_size = input_size;
  source.random_seed = weights.seed;
  if (!weights.preprocessing.empty()) {
    ASSIGN_OR_RETURN(source.normalization,
                     ParseNormalization(weights.preprocessing));
  }
  if (!weights.seed) {
    ASSIGN_OR_RETURN(source.weights, ReadFile(weights.path, kMaxWeightsBytes));
  }
  return Backbone::Load(source);
}

absl::StatusOr<std::unique_ptr<FeatureExtractor>> NewExtractor(
    const Backbone& backbone, const std::string& precision, int threads) {
  ASSIGN_OR_RETURN(const FeatureSpaceSpec spec,
                   ResolveFeatureSpace(backbone.info(), "", "", precision));
  FeatureExtractorOptions options;
  options.threads = threads;
  return FeatureExtractor::Create(backbone, spec, options);
}

absl::StatusOr<std::vector<float>> ReadyPlanes(
    const BackboneInfo& backbone, const std::vector<std::string>& photographs) {
  const int side = backbone.input_size;
  const size_t image_floats = size_t{3} * side * side;
  std::vector<float> planes(photographs.size() * image_floats);
  for (size_t i = 0; i < photographs.size(); ++i) {
    ASSIGN_OR_RETURN(const Pixels pixels, DecodeImage(photographs[i]));
    Preprocess(pixels, {side, side, backbone.normalization},
               &planes[i * image_floats]);
  }
  return planes;
}

}  // namespace nevus

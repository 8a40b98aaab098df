// The Open Inference Protocol's tensors to a query and back: pure.
//
//   image BYTES [N]  ->  probability FP32 [N], label BYTES [N],
//                        abstain BOOL [N], and where asked for
//                        embedding FP32 [N, D], heat_map BYTES [N] (PNGs)
//
// Contents come typed or raw, and the answer comes as the request did.
#ifndef NEVUS_SERVICES_SERVING_INFERENCE_CODEC_H_
#define NEVUS_SERVICES_SERVING_INFERENCE_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "protos/inference/grpc_service.pb.h"
#include "services/serving/model_set.h"
#include "services/serving/predictor.h"

namespace nevus {

// Images in one request: more are better sent as several, which wait for each
// other in no queue.
constexpr int64_t kMostImagesInRequest = 256;
// Overlays in an answer: each is a PNG of up to 512 x 512 pixels, 0.8 MB at the
// most, and a message has 64 MiB.
constexpr size_t kMostHeatMaps = 64;

struct InferQuery {
  PredictQuery query;  // points into the request
  std::vector<std::string> outputs;
  bool raw = false;
};

// "3" is a version, "" the alias production, anything else an alias.
ModelReference ToReference(const std::string& name, const std::string& version);

// INVALID_ARGUMENT: TENSOR_INVALID, saying which tensor and what of it is
// wrong; CONTENTS_TWICE; PARAMETER_INVALID. `request` must outlive the result.
absl::StatusOr<InferQuery> DecodeInfer(
    const inference::ModelInferRequest& request);

inference::ModelInferResponse EncodeInfer(
    const inference::ModelInferRequest& request, const InferQuery& query,
    const Predictions& predictions);

// Of a model whose features have `dimension` numbers.
inference::ModelMetadataResponse EncodeMetadata(const std::string& name,
                                                int64_t version,
                                                int64_t dimension);

inference::ModelStatistics EncodeStatistics(const std::string& name,
                                            int64_t version,
                                            const ModelStatistics& statistics);

}  // namespace nevus

#endif  // NEVUS_SERVICES_SERVING_INFERENCE_CODEC_H_

#include "services/serving/inference_codec.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/name.h"
#include "base/status.h"

namespace nevus {
namespace {

using Output = inference::ModelInferResponse::InferOutputTensor;

constexpr char kInput[] = "image";
// In the order of an answer when none were named; the rest on request.
constexpr const char* kOutputs[] = {"probability", "label", "abstain",
                                    "embedding", "heat_map"};
constexpr size_t kDefaultOutputs = 3;

absl::Status Invalid(const std::string& message) {
  return WithReason(absl::InvalidArgumentError(message), "TENSOR_INVALID");
}

absl::Status BadParameter(const std::string& message) {
  return WithReason(absl::InvalidArgumentError(message), "PARAMETER_INVALID");
}

std::string ShapeText(const google::protobuf::RepeatedField<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ","), "]");
}

// How many elements `contents` has in fields other than BYTES's.
int OtherContents(const inference::InferTensorContents& contents) {
  return contents.bool_contents_size() + contents.int_contents_size() +
         contents.int64_contents_size() + contents.uint_contents_size() +
         contents.uint64_contents_size() + contents.fp32_contents_size() +
         contents.fp64_contents_size();
}

// Elements of BYTES: each 4 bytes of length, little-endian, then itself.
absl::StatusOr<std::vector<std::string_view>> SplitRaw(std::string_view raw) {
  std::vector<std::string_view> elements;
  const size_t all = raw.size();
  while (!raw.empty()) {
    uint32_t size = 0;
    if (raw.size() >= sizeof(size)) {
      for (int i = 3; i >= 0; --i) {
        size = size << 8 | static_cast<unsigned char>(raw[i]);
      }
    }
    if (raw.size() < sizeof(size) || raw.size() - sizeof(size) < size) {
      return Invalid(absl::StrCat(
          "raw_input_contents of image end within element ",
          elements.size() + 1, ", at byte ", all - raw.size(), " of ", all,
          "; each element is its length, 4 bytes little-endian, and then so "
          "many bytes"));
    }
    elements.push_back(raw.substr(sizeof(size), size));
    raw.remove_prefix(sizeof(size) + size);
  }
  return elements;
}

void AppendRaw(uint32_t value, std::string& to) {
  for (int shift = 0; shift < 32; shift += 8) {
    to += static_cast<char>(value >> shift);
  }
}
void AppendRaw(float value, std::string& to) {
  uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  AppendRaw(bits, to);
}

absl::StatusOr<std::vector<std::string_view>> DecodeImages(
    const inference::ModelInferRequest& request) {
  if (request.inputs_size() != 1 || request.inputs(0).name() != kInput) {
    std::vector<std::string> names;
    for (const auto& input : request.inputs()) {
      names.push_back(Quoted(input.name()));
    }
    return Invalid(absl::StrCat(
        "the inputs are ", names.empty() ? "none" : absl::StrJoin(names, ", "),
        "; a model takes exactly one, \"image\""));
  }
  const auto& input = request.inputs(0);
  if (input.datatype() != "BYTES") {
    return Invalid(absl::StrCat("input image has the datatype ",
                                Quoted(input.datatype()),
                                "; it is BYTES, each element a JPEG or PNG "
                                "file as it is"));
  }
  if (input.shape_size() != 1 || input.shape(0) < 1 ||
      input.shape(0) > kMostImagesInRequest) {
    return Invalid(
        absl::StrCat("input image has the shape ", ShapeText(input.shape()),
                     "; it is [N], N images from 1 to ", kMostImagesInRequest));
  }
  const bool typed =
      OtherContents(input.contents()) + input.contents().bytes_contents_size() >
      0;
  std::vector<std::string_view> images;
  if (request.raw_input_contents_size() > 0) {
    if (typed) {
      return WithReason(
          absl::InvalidArgumentError(
              "input image has contents and raw_input_contents; send one of "
              "them"),
          "CONTENTS_TWICE");
    }
    if (request.raw_input_contents_size() != 1) {
      return Invalid(absl::StrCat("raw_input_contents has ",
                                  request.raw_input_contents_size(),
                                  " entries for 1 input; send one an input"));
    }
    ASSIGN_OR_RETURN(images, SplitRaw(request.raw_input_contents(0)));
  } else {
    if (OtherContents(input.contents()) > 0) {
      return Invalid(
          "input image has contents of another datatype; put BYTES into "
          "bytes_contents");
    }
    images = {input.contents().bytes_contents().begin(),
              input.contents().bytes_contents().end()};
  }
  if (static_cast<int64_t>(images.size()) != input.shape(0)) {
    return Invalid(absl::StrCat(
        "input image has the shape ", ShapeText(input.shape()), " and ",
        images.size(), " elements; send as many as the shape says"));
  }
  return images;
}

absl::Status CheckHeatMaps(const InferQuery& query) {
  if (!query.query.heat_map || query.query.images.size() <= kMostHeatMaps) {
    return absl::OkStatus();
  }
  return Invalid(absl::StrCat(
      "output heat_map is asked for of ", query.query.images.size(),
      " images; the most is ", kMostHeatMaps,
      ", since an answer has to fit into a message. Send several requests"));
}

absl::StatusOr<std::vector<std::string>> DecodeOutputs(
    const inference::ModelInferRequest& request) {
  if (request.outputs().empty()) {
    return std::vector<std::string>(kOutputs, kOutputs + kDefaultOutputs);
  }
  std::vector<std::string> names;
  for (const auto& output : request.outputs()) {
    if (std::find(std::begin(kOutputs), std::end(kOutputs), output.name()) ==
        std::end(kOutputs)) {
      return Invalid(absl::StrCat("there is no output ", Quoted(output.name()),
                                  "; a model gives ",
                                  absl::StrJoin(kOutputs, ", ")));
    }
    if (std::find(names.begin(), names.end(), output.name()) != names.end()) {
      return Invalid(absl::StrCat("output ", output.name(),
                                  " is asked for twice; name it once"));
    }
    names.push_back(output.name());
  }
  return names;
}

// Triton's clients send it as uint64. What is out of range, whoever predicts
// refuses with the range.
absl::StatusOr<int64_t> DecodePriority(
    const inference::InferParameter& parameter) {
  using Parameter = inference::InferParameter;
  if (parameter.parameter_choice_case() == Parameter::kUint64Param) {
    constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
    return static_cast<int64_t>(std::min(parameter.uint64_param(), kMost));
  }
  if (parameter.parameter_choice_case() == Parameter::kInt64Param) {
    return parameter.int64_param();
  }
  return BadParameter(
      "the parameter priority is neither int64_param nor uint64_param; send "
      "-100 to 100");
}

absl::Status DecodeParameters(const inference::ModelInferRequest& request,
                              PredictQuery& query) {
  using Parameter = inference::InferParameter;
  const auto& parameters = request.parameters();
  if (const auto point = parameters.find("operating_point");
      point != parameters.end()) {
    if (point->second.parameter_choice_case() != Parameter::kStringParam) {
      return BadParameter(
          "the parameter operating_point is no string_param; send a name such "
          "as \"youden\"");
    }
    query.operating_point = point->second.string_param();
  }
  if (const auto priority = parameters.find("priority");
      priority != parameters.end()) {
    ASSIGN_OR_RETURN(query.priority, DecodePriority(priority->second));
  }
  if (const auto key = parameters.find("key"); key != parameters.end()) {
    if (key->second.parameter_choice_case() != Parameter::kStringParam) {
      return BadParameter(
          "the parameter key is no string_param; send a pseudonym, nothing of "
          "a patient");
    }
    query.key = key->second.string_param();
  }
  return absl::OkStatus();
}

void AddImage(const std::string& output, const Prediction& image,
              inference::InferTensorContents& to) {
  if (output == "probability") {
    to.add_fp32_contents(static_cast<float>(image.decided.probability()));
  } else if (output == "label") {
    to.add_bytes_contents(image.decided.decision());
  } else if (output == "abstain") {
    to.add_bool_contents(image.decided.abstain());
  } else if (output == "heat_map") {
    to.add_bytes_contents(image.heat_map.overlay_png());
  } else {
    for (float value : image.feature) to.add_fp32_contents(value);
  }
}

// One of the three fields is filled.
std::string ToRaw(const inference::InferTensorContents& contents) {
  std::string raw;
  for (float value : contents.fp32_contents()) AppendRaw(value, raw);
  for (const std::string& element : contents.bytes_contents()) {
    AppendRaw(static_cast<uint32_t>(element.size()), raw);
    raw += element;
  }
  for (bool value : contents.bool_contents()) raw += value ? '\1' : '\0';
  return raw;
}

void AddTensor(const std::string& name, const std::string& datatype,
               const std::vector<int64_t>& shape,
               inference::ModelMetadataResponse::TensorMetadata& to) {
  to.set_name(name);
  to.set_datatype(datatype);
  *to.mutable_shape() = {shape.begin(), shape.end()};
}

std::string DatatypeOf(const std::string& output) {
  if (output == "label" || output == "heat_map") return "BYTES";
  return output == "abstain" ? "BOOL" : "FP32";
}

void SetTally(const Tally& tally, inference::StatisticDuration* to) {
  to->set_count(static_cast<uint64_t>(tally.count));
  to->set_ns(static_cast<uint64_t>(absl::ToInt64Nanoseconds(tally.time)));
}

}  // namespace

ModelReference ToReference(const std::string& name,
                           const std::string& version) {
  ModelReference reference;
  reference.model = name;
  if (version.empty()) {
    reference.alias = "production";
  } else if (!absl::SimpleAtoi(version, &reference.version) ||
             reference.version <= 0) {
    reference.version = 0;
    reference.alias = version;
  }
  return reference;
}

absl::StatusOr<InferQuery> DecodeInfer(
    const inference::ModelInferRequest& request) {
  InferQuery result;
  result.raw = request.raw_input_contents_size() > 0;
  result.query.model =
      ToReference(request.model_name(), request.model_version());
  ASSIGN_OR_RETURN(result.query.images, DecodeImages(request));
  ASSIGN_OR_RETURN(result.outputs, DecodeOutputs(request));
  result.query.heat_map =
      std::find(result.outputs.begin(), result.outputs.end(), "heat_map") !=
      result.outputs.end();
  RETURN_IF_ERROR(CheckHeatMaps(result));
  RETURN_IF_ERROR(DecodeParameters(request, result.query));
  return result;
}

inference::ModelInferResponse EncodeInfer(
    const inference::ModelInferRequest& request, const InferQuery& query,
    const Predictions& predictions) {
  const v1::Model& model = predictions.model->model();
  inference::ModelInferResponse response;
  response.set_model_name(model.name());
  response.set_model_version(absl::StrCat(model.version()));
  response.set_id(request.id());
  auto& parameters = *response.mutable_parameters();
  parameters["model_digest"].set_string_param(model.digest());
  parameters["feature_space"].set_string_param(model.space().digest());
  parameters["operating_point"].set_string_param(predictions.point.name());
  parameters["threshold"].set_double_param(predictions.point.threshold());
  parameters["synthetic"].set_bool_param(model.lineage().synthetic());
  parameters["candidate"].set_bool_param(predictions.is_candidate);
  std::vector<std::string> ids;
  std::vector<int> batch_sizes;
  std::vector<int64_t> queue_waits;
  for (const Prediction& image : predictions.images) {
    ids.push_back(image.id);
    batch_sizes.push_back(image.batch_size);
    queue_waits.push_back(absl::ToInt64Microseconds(image.queue_wait));
  }
  parameters["prediction_ids"].set_string_param(absl::StrJoin(ids, ","));
  parameters["batch_sizes"].set_string_param(absl::StrJoin(batch_sizes, ","));
  parameters["queue_waits_us"].set_string_param(
      absl::StrJoin(queue_waits, ","));
  for (const std::string& name : query.outputs) {
    Output& output = *response.add_outputs();
    output.set_name(name);
    output.set_datatype(DatatypeOf(name));
    output.add_shape(static_cast<int64_t>(predictions.images.size()));
    if (name == "embedding") {
      output.add_shape(
          static_cast<int64_t>(predictions.images[0].feature.size()));
    }
    inference::InferTensorContents contents;
    for (const Prediction& image : predictions.images) {
      AddImage(name, image, contents);
    }
    if (query.raw) {
      response.add_raw_output_contents(ToRaw(contents));
    } else {
      *output.mutable_contents() = std::move(contents);
    }
  }
  return response;
}

inference::ModelMetadataResponse EncodeMetadata(const std::string& name,
                                                int64_t version,
                                                int64_t dimension) {
  inference::ModelMetadataResponse response;
  response.set_name(name);
  response.add_versions(absl::StrCat(version));
  response.set_platform("nevus");
  AddTensor(kInput, "BYTES", {-1}, *response.add_inputs());
  for (const std::string output : kOutputs) {
    std::vector<int64_t> shape = {-1};
    if (output == "embedding") shape.push_back(dimension);
    AddTensor(output, DatatypeOf(output), shape, *response.add_outputs());
  }
  return response;
}

inference::ModelStatistics EncodeStatistics(const std::string& name,
                                            int64_t version,
                                            const ModelStatistics& statistics) {
  inference::ModelStatistics result;
  result.set_name(name);
  result.set_version(absl::StrCat(version));
  if (statistics.answered.count > 0) {
    result.set_last_inference(
        static_cast<uint64_t>(absl::ToUnixMillis(statistics.last_answer)));
  }
  result.set_inference_count(static_cast<uint64_t>(statistics.answered.count));
  inference::InferStatistics& stats = *result.mutable_inference_stats();
  SetTally(statistics.answered, stats.mutable_success());
  SetTally(statistics.failed, stats.mutable_fail());
  SetTally(statistics.queue, stats.mutable_queue());
  SetTally(statistics.computed, stats.mutable_compute_infer());
  uint64_t batches = 0;
  for (const auto& [size, tally] : statistics.batches) {
    batches += static_cast<uint64_t>(tally.count);
    inference::InferBatchStatistics& batch = *result.add_batch_stats();
    batch.set_batch_size(static_cast<uint64_t>(size));
    SetTally(tally, batch.mutable_compute_infer());
  }
  result.set_execution_count(batches);
  return result;
}

}  // namespace nevus

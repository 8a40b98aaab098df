#include "services/serving/inference_codec.h"

#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using Request = inference::ModelInferRequest;

// Two images, typed.
Request Typed() {
  Request request;
  request.set_model_name("melanoma");
  request.set_model_version("3");
  request.set_id("r-1");
  auto& input = *request.add_inputs();
  input.set_name("image");
  input.set_datatype("BYTES");
  input.add_shape(2);
  input.mutable_contents()->add_bytes_contents("first");
  input.mutable_contents()->add_bytes_contents("");
  return request;
}

// The same, raw: lengths of 4 bytes, the least first.
Request Raw() {
  Request request = Typed();
  request.mutable_inputs(0)->clear_contents();
  request.add_raw_input_contents(std::string("\5\0\0\0first\0\0\0\0", 13));
  return request;
}

Predictions TwoImages() {
  v1::Model model;
  model.set_name("melanoma");
  model.set_version(3);
  model.set_digest("d");
  model.mutable_space()->set_digest("s");
  model.mutable_lineage()->set_synthetic(true);
  Predictions predictions;
  predictions.model = std::make_shared<ServingModel>(
      model, Classifier(), std::vector<Golden>(), nullptr);
  predictions.point.set_name("youden");
  predictions.point.set_threshold(0.5);
  predictions.is_candidate = true;
  predictions.images.resize(2);
  predictions.images[0].id = "p-1";
  predictions.images[1].id = "p-2";
  predictions.images[0].batch_size = 3;
  predictions.images[1].batch_size = 1;
  predictions.images[0].queue_wait = absl::Milliseconds(12);
  predictions.images[0].decided.set_probability(0.75);
  predictions.images[0].decided.set_decision("melanoma");
  predictions.images[0].feature = {1, 2, 3};
  predictions.images[1].decided.set_probability(0.25);
  predictions.images[1].decided.set_decision("not melanoma");
  predictions.images[1].feature = {4, 5, 6};
  predictions.images[1].decided.set_abstain(true);
  return predictions;
}

TEST(InferenceCodecTest, TypedAndRawContentsAreTheSameImages) {
  for (const Request& request : {Typed(), Raw()}) {
    const auto query = DecodeInfer(request);
    ASSERT_THAT(query, IsOk());
    ASSERT_EQ(query->query.images.size(), 2u);
    EXPECT_EQ(query->query.images[0], "first");
    EXPECT_EQ(query->query.images[1], "");
    EXPECT_EQ(query->outputs,
              (std::vector<std::string>{"probability", "label", "abstain"}));
  }
  EXPECT_FALSE(DecodeInfer(Typed())->raw);
  EXPECT_TRUE(DecodeInfer(Raw())->raw);
}

TEST(InferenceCodecTest, AVersionIsANumberAnAliasOrProduction) {
  EXPECT_EQ(ToReference("m", "3").version, 3);
  EXPECT_EQ(ToReference("m", "3").alias, "");
  EXPECT_EQ(ToReference("m", "").alias, "production");
  EXPECT_EQ(ToReference("m", "candidate").alias, "candidate");
  EXPECT_EQ(ToReference("m", "candidate").version, 0);
  EXPECT_EQ(ToReference("m", "-1").alias, "-1");
}

TEST(InferenceCodecTest, APriorityComesInEitherInteger) {
  Request request = Typed();
  auto& priority = (*request.mutable_parameters())["priority"];
  priority.set_int64_param(-7);
  EXPECT_EQ(DecodeInfer(request)->query.priority, -7);
  priority.set_uint64_param(7);
  EXPECT_EQ(DecodeInfer(request)->query.priority, 7);
  priority.set_uint64_param(std::numeric_limits<uint64_t>::max());
  EXPECT_GT(DecodeInfer(request)->query.priority, 100);
}

TEST(InferenceCodecTest, WhatIsWrongIsNamed) {
  const std::vector<
      std::tuple<std::string, std::string, std::function<void(Request&)>>>
      cases = {
          {"TENSOR_INVALID", "inputs are none",
           [](Request& r) { r.clear_inputs(); }},
          {"TENSOR_INVALID", "\"pixels\"",
           [](Request& r) { r.mutable_inputs(0)->set_name("pixels"); }},
          {"TENSOR_INVALID", "\"image\", \"image\"",
           [](Request& r) { *r.add_inputs() = r.inputs(0); }},
          {"TENSOR_INVALID", "datatype \"FP32\"",
           [](Request& r) { r.mutable_inputs(0)->set_datatype("FP32"); }},
          {"TENSOR_INVALID", "shape [2,1]",
           [](Request& r) { r.mutable_inputs(0)->add_shape(1); }},
          {"TENSOR_INVALID", "shape []",
           [](Request& r) { r.mutable_inputs(0)->clear_shape(); }},
          {"TENSOR_INVALID", "shape [0]",
           [](Request& r) { r.mutable_inputs(0)->set_shape(0, 0); }},
          {"TENSOR_INVALID", "shape [257]",
           [](Request& r) { r.mutable_inputs(0)->set_shape(0, 257); }},
          {"TENSOR_INVALID", "shape [3] and 2 elements",
           [](Request& r) { r.mutable_inputs(0)->set_shape(0, 3); }},
          {"TENSOR_INVALID", "of another datatype",
           [](Request& r) {
             r.mutable_inputs(0)->mutable_contents()->add_fp32_contents(1);
           }},
          {"CONTENTS_TWICE", "send one of",
           [](Request& r) { r.add_raw_input_contents("x"); }},
          {"TENSOR_INVALID", "no output \"logit\"",
           [](Request& r) { r.add_outputs()->set_name("logit"); }},
          {"TENSOR_INVALID", "heat_map is asked for of 65 images",
           [](Request& r) {
             r.add_outputs()->set_name("heat_map");
             r.mutable_inputs(0)->set_shape(0, 65);
             for (int i = 2; i < 65; ++i) {
               r.mutable_inputs(0)->mutable_contents()->add_bytes_contents("x");
             }
           }},
          {"TENSOR_INVALID", "label is asked for twice",
           [](Request& r) {
             r.add_outputs()->set_name("label");
             r.add_outputs()->set_name("label");
           }},
          {"PARAMETER_INVALID", "operating_point",
           [](Request& r) {
             (*r.mutable_parameters())["operating_point"].set_bool_param(true);
           }},
          {"PARAMETER_INVALID", "priority",
           [](Request& r) {
             (*r.mutable_parameters())["priority"].set_string_param("1");
           }},
          {"PARAMETER_INVALID", "key",
           [](Request& r) {
             (*r.mutable_parameters())["key"].set_int64_param(7);
           }},
      };
  for (const auto& [reason, message, change] : cases) {
    SCOPED_TRACE(message);
    Request request = Typed();
    change(request);
    const absl::Status status = DecodeInfer(request).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, message));
    EXPECT_EQ(ReasonOf(status), reason);
  }
}

TEST(InferenceCodecTest, RawContentsThatAreCutOrTooManyAreNamed) {
  const std::string whole("\5\0\0\0first\0\0\0\0", 13);
  for (size_t size = 1; size < whole.size(); ++size) {
    SCOPED_TRACE(size);
    Request request = Raw();
    request.set_raw_input_contents(0, whole.substr(0, size));
    EXPECT_EQ(ReasonOf(DecodeInfer(request).status()), "TENSOR_INVALID");
  }
  Request request = Raw();
  request.set_raw_input_contents(0, "\xff\xff\xff\xff");
  EXPECT_THAT(DecodeInfer(request).status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "element 1, at byte 0 of 4"));
  request = Raw();
  request.add_raw_input_contents("");
  EXPECT_THAT(DecodeInfer(request).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, "2 entries"));
}

TEST(InferenceCodecTest, ATypedAnswerHasTheOutputsThatWereAskedForInOrder) {
  Request request = Typed();
  request.add_outputs()->set_name("embedding");
  request.add_outputs()->set_name("abstain");
  request.add_outputs()->set_name("label");
  request.add_outputs()->set_name("probability");
  const auto query = DecodeInfer(request).value();
  const auto response = EncodeInfer(request, query, TwoImages());
  EXPECT_EQ(response.model_name(), "melanoma");
  EXPECT_EQ(response.model_version(), "3");
  EXPECT_EQ(response.id(), "r-1");
  EXPECT_EQ(response.parameters().at("threshold").double_param(), 0.5);
  ASSERT_EQ(response.outputs_size(), 4);
  EXPECT_EQ(response.raw_output_contents_size(), 0);
  const auto& embedding = response.outputs(0);
  EXPECT_EQ(embedding.datatype(), "FP32");
  EXPECT_EQ(embedding.shape(0), 2);
  EXPECT_EQ(embedding.shape(1), 3);
  EXPECT_EQ(embedding.contents().fp32_contents(5), 6);
  EXPECT_EQ(response.outputs(1).datatype(), "BOOL");
  EXPECT_FALSE(response.outputs(1).contents().bool_contents(0));
  EXPECT_TRUE(response.outputs(1).contents().bool_contents(1));
  EXPECT_EQ(response.outputs(2).contents().bytes_contents(1), "not melanoma");
  EXPECT_EQ(response.outputs(3).contents().fp32_contents(0), 0.75f);
}

TEST(InferenceCodecTest, AnAnswerSaysInItsParametersWhatGaveIt) {
  for (const bool is : {true, false}) {
    Predictions predictions = TwoImages();
    if (!is) {
      predictions.is_candidate = false;
      predictions.model = std::make_shared<ServingModel>(
          v1::Model(), Classifier(), std::vector<Golden>(), nullptr);
    }
    const auto response =
        EncodeInfer(Typed(), DecodeInfer(Typed()).value(), predictions);
    const auto& parameters = response.parameters();
    EXPECT_EQ(parameters.size(), 9u);
    EXPECT_EQ(parameters.at("model_digest").string_param(), is ? "d" : "");
    EXPECT_EQ(parameters.at("feature_space").string_param(), is ? "s" : "");
    EXPECT_EQ(parameters.at("operating_point").string_param(), "youden");
    EXPECT_EQ(parameters.at("threshold").double_param(), 0.5);
    EXPECT_EQ(parameters.at("synthetic").bool_param(), is);
    EXPECT_EQ(parameters.at("candidate").bool_param(), is);
    EXPECT_EQ(parameters.at("prediction_ids").string_param(), "p-1,p-2");
    EXPECT_EQ(parameters.at("batch_sizes").string_param(), "3,1");
    EXPECT_EQ(parameters.at("queue_waits_us").string_param(), "12000,0");
  }
}

TEST(InferenceCodecTest, HeatMapsAreBytesAndOnRequestOnly) {
  Predictions predictions = TwoImages();
  predictions.images[0].heat_map.set_overlay_png("one");
  predictions.images[1].heat_map.set_overlay_png("seven");
  EXPECT_FALSE(DecodeInfer(Typed())->query.heat_map);
  for (Request request : {Typed(), Raw()}) {
    request.add_outputs()->set_name("heat_map");
    const auto query = DecodeInfer(request).value();
    EXPECT_TRUE(query.query.heat_map);
    const auto response = EncodeInfer(request, query, predictions);
    ASSERT_EQ(response.outputs_size(), 1);
    EXPECT_EQ(response.outputs(0).datatype(), "BYTES");
    ASSERT_EQ(response.outputs(0).shape_size(), 1);
    EXPECT_EQ(response.outputs(0).shape(0), 2);
    if (query.raw) {
      EXPECT_EQ(response.raw_output_contents(0),
                std::string("\3\0\0\0one\5\0\0\0seven", 16));
    } else {
      EXPECT_EQ(response.outputs(0).contents().bytes_contents(1), "seven");
    }
  }
}

TEST(InferenceCodecTest, ARawAnswerHasTheStandardsBytes) {
  const Request request = Raw();
  const auto response =
      EncodeInfer(request, DecodeInfer(request).value(), TwoImages());
  ASSERT_EQ(response.raw_output_contents_size(), 3);
  EXPECT_FALSE(response.outputs(0).has_contents());
  // 0.75f and 0.25f by IEEE 754.
  EXPECT_EQ(response.raw_output_contents(0),
            std::string("\0\0\x40\x3f\0\0\x80\x3e", 8));
  EXPECT_EQ(response.raw_output_contents(1),
            std::string("\x8\0\0\0melanoma\xc\0\0\0not melanoma", 28));
  EXPECT_EQ(response.raw_output_contents(2), std::string("\0\1", 2));
}

}  // namespace
}  // namespace nevus

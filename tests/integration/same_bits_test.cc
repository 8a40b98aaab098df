// One image, one answer: over up to 1,000 images, odd JPEGs and PNGs among
// them, what serving computes equals what extraction stored and evaluation
// computes from it, bit for bit, whatever batch an image fell into.
#include <algorithm>
#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/rpc/channel.h"
#include "base/rpc/grpc_status.h"
#include "base/status_matchers.h"
#include "base/temp_dir.h"
#include "clients/cpp/files.h"
#include "compute/backbone/arithmetic.h"
#include "compute/classifier/classifier.h"
#include "gtest/gtest.h"
#include "protos/inference/grpc_service.grpc.pb.h"
#include "protos/nevus/v1/model.grpc.pb.h"
#include "services/runtime/convert.h"
#include "services/runtime/peer_reads.h"
#include "tests/integration/served_node.h"

namespace nevus {
namespace {

constexpr char kOddImages[] = "compute/image/testdata";

// The pictures that decoders differ over: CMYK, progressive, 16 bit, palettes,
// interlaced, turned by EXIF ...
std::vector<ExampleFile> OddFiles() {
  std::vector<ExampleFile> files;
  for (const auto& entry : std::filesystem::directory_iterator(kOddImages)) {
    const std::string extension = entry.path().extension().string();
    if (extension != ".jpg" && extension != ".png") continue;
    ExampleFile file;
    file.path = entry.path().string();
    file.example.set_id("odd_" + entry.path().filename().string());
    file.example.set_label("nevus");
    file.example.set_split(v1::TRAIN);
    files.push_back(std::move(file));
  }
  return files;
}

struct Case {
  const char* precision;
  // Enough of each kind of image, and of batches, to find a difference; one
  // precision for all processors and the one that is served by default get all.
  int images;
};

struct Answer {
  double probability = 0;
  std::vector<float> feature;
};

// Bit for bit equality is meant: EXPECT_EQ on floating point.
class SameBitsTest : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (const auto arithmetic = ParseArithmetic(GetParam().precision);
        arithmetic.ok()) {
      const absl::Status supported = CheckArithmeticSupported(*arithmetic);
      if (!supported.ok()) GTEST_SKIP() << "skipped: " << supported.message();
    }
    files_ = OddFiles();
    ASSERT_GT(files_.size(), 15u);
    const auto photographs = WritePhotographs(
        folder_.path(), GetParam().images - static_cast<int>(files_.size()));
    ASSERT_THAT(photographs, IsOk());
    files_.insert(files_.end(), photographs->begin(), photographs->end());
    auto served = ServedNode::Start(files_, GetParam().precision);
    ASSERT_THAT(served, IsOk());
    served_ = *std::move(served);
    for (const ExampleFile& file : files_) {
      images_.push_back(ReadFile(file.path, 1 << 20).value());
    }
  }

  // Stored features, through the head as an evaluation does, by example id.
  std::map<std::string, Answer> Stored() {
    const Peers& peers = served_->node().peers();
    const auto examples = ReadExamples(peers, "skin", 1, {}, nullptr).value();
    v1::GetModelRequest get;
    get.set_name("melanoma");
    get.set_version(1);
    const v1::Model model =
        served_->client().Call(&v1::ModelService::Stub::GetModel, get).value();
    const Classifier classifier = ToClassifier(model).value();
    const int inputs = classifier.head.inputs;
    std::vector<std::string> digests;
    for (const v1::Example& example : examples) {
      digests.push_back(example.image_digest());
    }
    const std::vector<float> features =
        ReadFeatures(peers, model.space().digest(), inputs, digests, nullptr)
            .value();
    std::map<std::string, Answer> stored;
    for (size_t i = 0; i < examples.size(); ++i) {
      const float* feature = &features[i * inputs];
      stored[examples[i].id()] = {Judge(classifier, feature).probability,
                                  {feature, feature + inputs}};
    }
    return stored;
  }

  // All images, in calls of 1 to 6, from several threads at once.
  std::vector<Answer> AskInBatches() {
    std::vector<Answer> answers(images_.size());
    const auto stub =
        inference::GRPCInferenceService::NewStub(served_->Connect());
    std::atomic<size_t> next{0};
    std::vector<std::thread> callers;
    for (size_t caller = 0; caller < 6; ++caller) {
      callers.emplace_back([&, caller] {
        const size_t size = 1 + caller;
        for (size_t begin = next.fetch_add(size); begin < images_.size();
             begin = next.fetch_add(size)) {
          const size_t end = std::min(begin + size, images_.size());
          Infer(*stub, begin, end, answers);
        }
      });
    }
    for (std::thread& caller : callers) caller.join();
    return answers;
  }

  void Infer(inference::GRPCInferenceService::Stub& stub, size_t begin,
             size_t end, std::vector<Answer>& answers) {
    inference::ModelInferRequest request;
    request.set_model_name("melanoma");
    auto& input = *request.add_inputs();
    input.set_name("image");
    input.set_datatype("BYTES");
    input.add_shape(static_cast<int64_t>(end - begin));
    for (size_t i = begin; i < end; ++i) {
      input.mutable_contents()->add_bytes_contents(images_[i]);
    }
    request.add_outputs()->set_name("embedding");
    grpc::ClientContext context;
    SetTimeout(context, absl::Minutes(2));
    inference::ModelInferResponse response;
    ASSERT_THAT(FromGrpc(stub.ModelInfer(&context, request, &response)),
                IsOk());
    const auto& output = response.outputs(0);
    const int64_t dimension = output.shape(1);
    const auto values = output.contents().fp32_contents().begin();
    for (size_t i = begin; i < end; ++i) {
      const auto first = values + static_cast<int64_t>(i - begin) * dimension;
      answers[i].feature.assign(first, first + dimension);
      const auto predicted = served_->Predict(images_[i]);
      ASSERT_THAT(predicted, IsOk());
      answers[i].probability = predicted->probability();
      MutexLock lock(mutex_);
      ++batch_sizes_[predicted->batch_size()];
    }
  }

  TempDir folder_;
  std::vector<ExampleFile> files_;
  std::vector<std::string> images_;
  std::unique_ptr<ServedNode> served_;
  Mutex mutex_;
  std::map<int, int> batch_sizes_ ABSL_GUARDED_BY(mutex_);
};

TEST_P(SameBitsTest, ServingExtractionAndEvaluationAgree) {
  const std::map<std::string, Answer> stored = Stored();
  const std::vector<Answer> answers = AskInBatches();
  ASSERT_EQ(answers.size(), static_cast<size_t>(GetParam().images));
  for (size_t i = 0; i < answers.size(); ++i) {
    const std::string& id = files_[i].example.id();
    EXPECT_EQ(answers[i].feature, stored.at(id).feature) << id;
    EXPECT_EQ(answers[i].probability, stored.at(id).probability) << id;
  }
  MutexLock lock(mutex_);
  EXPECT_GE(batch_sizes_.size(), 2u) << "all batches were of one size";
}

INSTANTIATE_TEST_SUITE_P(AtEachPrecision, SameBitsTest,
                         testing::Values(Case{"fp32", 1000}, Case{"auto", 1000},
                                         Case{"fp32_winograd", 200},
                                         Case{"bf16", 200}, Case{"int8", 200},
                                         Case{"int8_winograd", 200}),
                         [](const auto& info) { return info.param.precision; });

}  // namespace
}  // namespace nevus

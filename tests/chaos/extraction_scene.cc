#include "tests/chaos/extraction_scene.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

// The value, or a failure of the test and nothing.
template <typename T>
T Value(absl::StatusOr<T> value) {
  EXPECT_TRUE(value.ok()) << value.status();
  return value.ok() ? *std::move(value) : T();
}

}  // namespace

bool Eventually(const std::function<bool()>& reached) {
  const StopSignal never;
  const Stopwatch watch;
  while (!reached()) {
    if (watch.Seconds() > 90) return false;
    never.WaitFor(absl::Milliseconds(20));
  }
  return true;
}

ExtractionScene::ExtractionScene(Cluster& cluster) : cluster_(cluster) {
  client_ = *Client::Create(cluster.server());
  const std::string folder = cluster.File("images");
  cluster.CliJson({"dataset", "generate", folder, "--count",
                   absl::StrCat(kImages), "--size", "64", "--seed", "1"});
  cluster.CliJson({"dataset", "import", "skin", "--images", folder + "/images",
                   "--labels", folder + "/labels.csv", "--label-column",
                   "label"});
  cluster.CliJson({"dataset", "seal", "skin"});
  // Larger than VGG16's 224: a good while an image, also on a fast machine.
  cluster.CliJson({"backbone", "import", "vgg16", "--arch", "vgg16",
                   "--weights", "random:0", "--input-size", "320"});
  v1::ReadExamplesRequest request;
  request.set_dataset("skin");
  request.set_version(1);
  const absl::Status read =
      client_->Read(&v1::DatasetService::Stub::ReadExamples, request,
                    [&](const v1::ReadExamplesResponse& response) {
                      for (const v1::Example& example : response.examples()) {
                        images_.push_back(example.image_digest());
                      }
                      return absl::OkStatus();
                    });
  EXPECT_TRUE(read.ok()) << read;
  EXPECT_EQ(images_.size(), size_t{kImages});
}

v1::Job ExtractionScene::Extract(const std::string& cut) {
  v1::ExtractRequest request;
  request.set_dataset("skin");
  request.set_version(1);
  request.set_backbone("vgg16");
  request.set_cut(cut);
  return Value(client_->Call(&v1::FeatureService::Stub::Extract, request));
}

v1::Job ExtractionScene::Get(const std::string& job) {
  v1::GetJobRequest request;
  request.set_id(job);
  return Value(client_->Call(&v1::JobService::Stub::GetJob, request));
}

v1::Job ExtractionScene::AwaitTheMiddle(const std::string& job) {
  v1::Job now;
  EXPECT_TRUE(Eventually([&] {
    now = Get(job);
    if (now.tasks_size() != 1 || now.tasks(0).state() != v1::LEASED) {
      return false;
    }
    const size_t missing = Missing(now.result()).size();
    return missing > 0 && missing < images_.size();
  })) << now.ShortDebugString()
      << cluster_.Logs();
  return now;
}

v1::Job ExtractionScene::AwaitEnd(const std::string& job) {
  v1::Job now;
  EXPECT_TRUE(Eventually([&] {
    now = Get(job);
    return now.has_end_time();
  })) << now.ShortDebugString()
      << cluster_.Logs();
  return now;
}

v1::FeatureSpace ExtractionScene::Space(const std::string& digest) {
  v1::GetFeatureSpaceRequest request;
  request.set_digest(digest);
  return Value(
      client_->Call(&v1::FeatureService::Stub::GetFeatureSpace, request));
}

std::vector<std::string> ExtractionScene::Missing(const std::string& space) {
  v1::FindMissingRequest request;
  request.set_space(space);
  *request.mutable_image_digests() = {images_.begin(), images_.end()};
  const v1::FindMissingResponse response =
      Value(client_->Call(&v1::FeatureService::Stub::FindMissing, request));
  return {response.image_digests().begin(), response.image_digests().end()};
}

std::vector<float> ExtractionScene::Read(const std::string& space,
                                         const std::string& image) {
  v1::ReadFeaturesRequest request;
  request.set_space(space);
  request.add_image_digests(image);
  std::vector<float> values;
  const absl::Status read =
      client_->Read(&v1::FeatureService::Stub::ReadFeatures, request,
                    [&](const v1::ReadFeaturesResponse& response) {
                      for (const v1::Feature& feature : response.features()) {
                        values.insert(values.end(), feature.values().begin(),
                                      feature.values().end());
                      }
                      return absl::OkStatus();
                    });
  EXPECT_TRUE(read.ok()) << read;
  return values;
}

}  // namespace nevus

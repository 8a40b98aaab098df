// Features come in the order asked for, whatever the requests are; a peer that
// answers with something else is not worked with.
#include "services/runtime/peer_reads.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/packed_floats.h"
#include "base/rpc/channel.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/nevus/v1/feature.grpc.pb.h"
#include "services/runtime/peers.h"

namespace nevus {
namespace {

using ::testing::ElementsAre;

// The feature of image "7" is {7}. Answers with `in_message` features a
// message; says of the images in `missing` that they have none.
class FakeFeatures final : public v1::FeatureService::Service {
 public:
  grpc::Status ReadFeatures(
      grpc::ServerContext*, const v1::ReadFeaturesRequest* request,
      grpc::ServerWriter<v1::ReadFeaturesResponse>* writer) override {
    v1::ReadFeaturesResponse response;
    int sent = 0;
    for (const std::string& image : request->image_digests()) {
      if (std::find(missing.begin(), missing.end(), image) != missing.end()) {
        if (response.features_size() > 0) writer->Write(response);
        return ToGrpc(WithReason(absl::NotFoundError("no feature of " + image),
                                 "FEATURE_NOT_FOUND"));
      }
      if (sent++ == most) break;
      v1::Feature& feature = *response.add_features();
      feature.set_image_digest(answers_with.empty() ? image : answers_with);
      const std::vector<float> values(dimension, std::stof(image));
      feature.set_packed(PackFloats(values.data(), values.size()));
      if (response.features_size() < in_message) continue;
      writer->Write(response);
      response.Clear();
    }
    if (more) *response.add_features() = v1::Feature();
    if (response.features_size() > 0) writer->Write(response);
    return grpc::Status::OK;
  }

  int in_message = 3;
  int dimension = 1;
  int most = 1000;  // of one request
  bool more = false;
  std::string answers_with;
  std::vector<std::string> missing;
};

class PeerReadsTest : public testing::Test {
 protected:
  // Those of images 0 to count - 1, into read_. With a server of its own, whose
  // end waits for calls that were broken off: a test may change features_
  // after.
  absl::Status Read(int count) {
    grpc::ServerBuilder builder;
    builder.RegisterService(&features_);
    const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
    Peers peers{ServiceAddresses()};
    peers.Host({"extraction"}, *server);
    std::vector<std::string> images;
    for (int i = 0; i < count; ++i) images.push_back(absl::StrCat(i));
    read_.clear();
    return ReadPackedFeatures(
        peers, "space", 1, images, nullptr, [&](std::string_view packed) {
          read_.emplace_back();
          UnpackFloats(packed, 1, &read_.back());
          return read_.back() == stop_ ? absl::AbortedError("enough")
                                       : absl::OkStatus();
        });
  }

  FakeFeatures features_;
  std::vector<float> read_;
  float stop_ = -1;
};

TEST_F(PeerReadsTest, FeaturesComeInTheOrderAskedFor) {
  for (const int count : {0, 1, 2, 3, 50}) {
    ASSERT_THAT(Read(count), IsOk()) << count;
    ASSERT_EQ(read_.size(), static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) EXPECT_EQ(read_[i], i);
  }
}

TEST_F(PeerReadsTest, TheFirstThatIsMissingIsNamedAfterThoseBeforeIt) {
  // In requests of their own and in one (peer_reads.cc has four).
  for (const std::vector<std::string>& missing :
       {std::vector<std::string>{"4", "9"}, {"4", "5"}, {"4", "8"}}) {
    features_.missing = missing;
    const absl::Status status = Read(20);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound, "feature of 4"));
    EXPECT_EQ(ReasonOf(status), "FEATURE_NOT_FOUND");
    EXPECT_THAT(read_, ElementsAre(0, 1, 2, 3));
  }
}

TEST_F(PeerReadsTest, AVisitorEndsIt) {
  stop_ = 2;
  EXPECT_THAT(Read(50), StatusIs(absl::StatusCode::kAborted, "enough"));
  EXPECT_THAT(read_, ElementsAre(0, 1, 2));
}

TEST_F(PeerReadsTest, OtherAnswersThanAskedForAreErrors) {
  features_.most = 2;
  EXPECT_THAT(Read(9), StatusIs(absl::StatusCode::kInternal, "too few"));
  features_.most = 1000;
  features_.more = true;
  EXPECT_THAT(Read(9), StatusIs(absl::StatusCode::kInternal, "too many"));
  features_.more = false;
  features_.answers_with = "77";
  EXPECT_THAT(Read(9), StatusIs(absl::StatusCode::kInternal, "77"));
  features_.answers_with = "";
  features_.dimension = 2;
  EXPECT_THAT(Read(9), StatusIs(absl::StatusCode::kInternal, "1 numbers"));
}

}  // namespace
}  // namespace nevus

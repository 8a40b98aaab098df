// Promotions with their notes and candidates, as ModelService takes them.
#include <cmath>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "services/registry/model_service.h"
#include "storage/engine/request_log.h"
#include "storage/model/model_store.h"
#include "storage/testing/memory_store.h"

namespace nevus {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

class AliasCallsTest : public testing::Test {
 protected:
  AliasCallsTest() {
    v1::Model model;
    model.set_name("melanoma");
    for (int version = 1; version <= 2; ++version) {
      EXPECT_THAT(models_.Register(model, std::nullopt, kNow), IsOk());
    }
    promote_.set_model("melanoma");
    promote_.set_version(1);
    promote_.set_alias("production");
    candidate_.set_model("melanoma");
    candidate_.set_alias("production");
    candidate_.set_candidate_version(2);
  }

  absl::Status Promote() {
    v1::Alias alias;
    return FromGrpc(service_.PromoteModel(nullptr, &promote_, &alias));
  }
  absl::StatusOr<v1::Alias> SetCandidate(
      const v1::SetCandidateRequest& request) {
    v1::Alias alias;
    const absl::Status status =
        FromGrpc(service_.SetCandidate(nullptr, &request, &alias));
    if (!status.ok()) return status;
    return alias;
  }
  v1::Alias Now() {
    v1::ListAliasesRequest request;
    v1::ListAliasesResponse response;
    EXPECT_TRUE(service_.ListAliases(nullptr, &request, &response).ok());
    return response.aliases(0);
  }

  MemoryStore memory_;
  FakeClock clock_{kNow};
  ModelStore models_{memory_};
  const std::unique_ptr<RequestLog> requests_ =
      RequestLog::Open(memory_).value();
  ModelServiceImpl service_{models_, *requests_, clock_};
  v1::PromoteModelRequest promote_;
  v1::SetCandidateRequest candidate_;
};

TEST_F(AliasCallsTest, APromotionSaysWhyInFewWords) {
  promote_.set_reason(std::string(1001, 'x'));
  EXPECT_EQ(ReasonOf(Promote()), "NOTE_TOO_LONG");
  promote_.set_reason("better");
  promote_.set_actor("eva@clinic");
  ASSERT_THAT(Promote(), IsOk());
  EXPECT_EQ(Now().history(0).reason(), "better");
  EXPECT_EQ(Now().history(0).actor(), "eva@clinic");
}

TEST_F(AliasCallsTest, AShareIsAboveZeroAndAtMostOne) {
  ASSERT_THAT(Promote(), IsOk());
  EXPECT_EQ(ReasonOf(SetCandidate(candidate_).status()), "CANDIDATE_INVALID")
      << "no mode";
  candidate_.set_mode(v1::CANDIDATE_CANARY);
  for (const double share : {0.0, -0.1, 1.1, std::nan("")}) {
    candidate_.set_share(share);
    EXPECT_EQ(ReasonOf(SetCandidate(candidate_).status()), "SHARE_INVALID")
        << share;
  }
  candidate_.set_share(1);
  EXPECT_EQ(SetCandidate(candidate_).value().candidate_version(), 2);
  candidate_.set_mode(v1::CANDIDATE_SHADOW);
  candidate_.set_share(0);
  EXPECT_EQ(SetCandidate(candidate_).value().candidate_share(), 1)
      << "a shadow sees all";
}

TEST_F(AliasCallsTest, ALateRepetitionSaysWhatWasAndSetsNothing) {
  ASSERT_THAT(Promote(), IsOk());
  candidate_.set_mode(v1::CANDIDATE_SHADOW);
  candidate_.set_request_id("shadow");
  const v1::Alias first = SetCandidate(candidate_).value();
  v1::SetCandidateRequest end = candidate_;
  end.set_candidate_version(0);
  end.set_request_id("end");
  ASSERT_THAT(SetCandidate(end), IsOk());
  EXPECT_EQ(SetCandidate(candidate_).value().SerializeAsString(),
            first.SerializeAsString());
  EXPECT_EQ(Now().candidate_version(), 0);
}

}  // namespace
}  // namespace nevus

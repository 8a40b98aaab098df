#include "base/status.h"

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

TEST(StatusTest, ReasonAndMetadataTravelWithTheStatus) {
  const absl::Status status = Annotate(
      WithReason(absl::InvalidArgumentError("truncated in the scan"),
                 "IMAGE_TRUNCATED", {{"file", "a.jpg"}, {"offset", "12"}}),
      "a.jpg");
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                               "a.jpg: truncated in the scan"));
  EXPECT_EQ(ReasonOf(status), "IMAGE_TRUNCATED");
  EXPECT_EQ(MetadataOf(status), (std::map<std::string, std::string>{
                                    {"file", "a.jpg"}, {"offset", "12"}}));
}

TEST(StatusTest, OkNeverCarriesAReason) {
  EXPECT_THAT(WithReason(absl::OkStatus(), "X"), IsOk());
  EXPECT_EQ(ReasonOf(absl::OkStatus()), "");
}

TEST(StatusTest, RetryDelayIsKeptAndAbsentIsZero) {
  EXPECT_EQ(RetryDelayOf(WithRetryDelay(absl::UnavailableError("busy"),
                                        absl::Milliseconds(250))),
            absl::Milliseconds(250));
  EXPECT_EQ(RetryDelayOf(absl::UnavailableError("busy")), absl::ZeroDuration());
}

absl::StatusOr<int> Twice(absl::StatusOr<int> value) {
  ASSIGN_OR_RETURN(const int number, value);
  return 2 * number;
}

TEST(StatusTest, AssignOrReturnPassesErrorsThrough) {
  EXPECT_EQ(Twice(21).value(), 42);
  EXPECT_THAT(Twice(absl::NotFoundError("no")),
              StatusIs(absl::StatusCode::kNotFound, "no"));
}

}  // namespace
}  // namespace nevus

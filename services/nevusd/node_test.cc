#include "services/nevusd/node.h"

#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "base/temp_dir.h"

namespace nevus {
namespace {

TEST(NodeTest, RefusesAGpuThatIsNotThere) {
  const TempDir dir;
  NodeOptions options;
  options.data_dir = dir.path();
  options.listen = "127.0.0.1:0";
  // No machine has so many.
  options.device = "cuda:999";
  const absl::Status missing = Node::Start(options).status();
  EXPECT_THAT(missing, StatusIs(absl::StatusCode::kFailedPrecondition,
                                "device cuda:999 "));
  EXPECT_EQ(ReasonOf(missing), "DEVICE_UNAVAILABLE");
  options.device = "gpu";
  EXPECT_EQ(ReasonOf(Node::Start(options).status()), "DEVICE_UNKNOWN");
}

}  // namespace
}  // namespace nevus

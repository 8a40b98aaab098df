#include "base/rpc/channel.h"

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

TEST(ServiceAddressesTest, OneAddressServesAll) {
  const auto addresses = ServiceAddresses::Parse("127.0.0.1:7700");
  ASSERT_THAT(addresses, IsOk());
  EXPECT_EQ(addresses->Find("scheduler"), "127.0.0.1:7700");
}

TEST(ServiceAddressesTest, ANamedServiceWinsOverTheDefault) {
  const auto addresses =
      ServiceAddresses::Parse("127.0.0.1:1,scheduler=127.0.0.1:2");
  ASSERT_THAT(addresses, IsOk());
  EXPECT_EQ(addresses->Find("scheduler"), "127.0.0.1:2");
  EXPECT_EQ(addresses->Find("registry"), "127.0.0.1:1");
  EXPECT_EQ(ServiceAddresses::Parse("scheduler=h:2")->Find("registry"), "");
}

TEST(ServiceAddressesTest, MistakesAreNamed) {
  for (const char* bad : {"schedular=h:1", "h:1,h:2", "nonsense", "registry=h",
                          "scheduler=", "registry=h:1,registry=h:2"}) {
    EXPECT_THAT(ServiceAddresses::Parse(bad),
                StatusIs(absl::StatusCode::kInvalidArgument, "address"))
        << bad;
  }
}

}  // namespace
}  // namespace nevus

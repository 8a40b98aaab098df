#include "services/nevusd/worker_command.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using testing::Contains;
using testing::ElementsAre;

TEST(WorkerCommandTest, NamesTheNodeForItsServicesAndItsPeersForTheOthers) {
  WorkerCommandOptions options;
  options.data_dir = "nevus-data";
  options.listen = "localhost:0";
  options.port = 7700;
  options.services = {"scheduler", "ingestion"};
  options.peers =
      ServiceAddresses::Parse("127.0.0.1:1,registry=127.0.0.1:2").value();
  options.threads = 4;
  options.more = {"--log_format=json"};
  EXPECT_THAT(
      WorkerCommand(options, "extraction", 2, "extraction-0a"),
      ElementsAre("nevusd", "--data=nevus-data/workers/extraction-2",
                  "--listen=127.0.0.1:0", "--services=none",
                  "--workers=extraction=1", "--worker_name=extraction-0a",
                  "--peers=ingestion=localhost:7700,extraction=127.0.0.1:1,"
                  "training=127.0.0.1:1,registry=127.0.0.1:2,"
                  "serving=127.0.0.1:1,scheduler=localhost:7700",
                  "--threads=4", "--log_format=json"));
}

TEST(WorkerCommandTest, LeavesOutServicesThatNobodyKnows) {
  WorkerCommandOptions options;
  options.listen = "[::1]:7700";
  options.port = 7700;
  options.services = {"scheduler"};
  EXPECT_THAT(WorkerCommand(options, "training", 1, "training-0a"),
              Contains("--peers=scheduler=[::1]:7700"));
}

}  // namespace
}  // namespace nevus

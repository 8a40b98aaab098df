// An extraction that is long enough to be disturbed, on a real cluster, seen
// from outside through the contract. Waits for what happens; never for a time.
#ifndef NEVUS_TESTS_CHAOS_EXTRACTION_SCENE_H_
#define NEVUS_TESTS_CHAOS_EXTRACTION_SCENE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "clients/cpp/client.h"
#include "tests/harness/cluster.h"

namespace nevus {

// Waits until `reached`, asking often; false after a minute and a half, which
// only a failure reaches.
bool Eventually(const std::function<bool()>& reached);

// Its functions fail the test when a call does.
class ExtractionScene {
 public:
  // One task, three groups of images.
  static constexpr int kImages = 24;

  // Makes the sealed dataset skin@1 and the backbone vgg16.
  explicit ExtractionScene(Cluster& cluster);

  // Starts the extraction at `cut`; "" is the backbone's default.
  v1::Job Extract(const std::string& cut);
  v1::Job Get(const std::string& job);
  // Waits until the job's only task is leased, some of its images are stored
  // and some are not; returns the job as it was then.
  v1::Job AwaitTheMiddle(const std::string& job);
  // Waits for its end; returns it as it is then.
  v1::Job AwaitEnd(const std::string& job);

  v1::FeatureSpace Space(const std::string& digest);
  // The dataset's images, and those of them without a feature in `space`.
  const std::vector<std::string>& images() const { return images_; }
  std::vector<std::string> Missing(const std::string& space);
  std::vector<float> Read(const std::string& space, const std::string& image);

  Client& client() { return *client_; }

 private:
  Cluster& cluster_;
  std::unique_ptr<Client> client_;
  std::vector<std::string> images_;
};

}  // namespace nevus

#endif  // NEVUS_TESTS_CHAOS_EXTRACTION_SCENE_H_

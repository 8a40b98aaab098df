// The peer of `nevus-bench extract`: ONNX Runtime, in a process of its own,
// from the npm package onnxruntime-node of one fixed version. It is fetched
// when asked for and kept outside the tree; nothing depends on it.
#ifndef NEVUS_TESTS_BENCH_ONNXRUNTIME_PEER_H_
#define NEVUS_TESTS_BENCH_ONNXRUNTIME_PEER_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/temp_dir.h"

namespace nevus {

extern const char* const kOnnxRuntimeVersion;

// A folder with the package, fetched by npm if it is not there yet:
// $NEVUS_CACHE, or ~/.cache/nevus. FAILED_PRECONDITION without Node.js, npm or
// a network, saying what to do.
absl::StatusOr<std::string> FetchOnnxRuntime();

// What the peer is to work on.
struct PeerWork {
  std::string model;  // an ONNX file's bytes, as WriteOnnx makes them
  const float* planes = nullptr;  // count x 3 x side x side floats
  int count = 0;
  int side = 0;
  int threads = 1;
};

// For one thread at a time. The process ends with it.
class OnnxRuntimePeer {
 public:
  // `package`: of FetchOnnxRuntime. FAILED_PRECONDITION if the peer does not
  // start; what it says goes to standard error.
  static absl::StatusOr<std::unique_ptr<OnnxRuntimePeer>> Start(
      const std::string& package, const PeerWork& work);
  ~OnnxRuntimePeer();
  OnnxRuntimePeer(const OnnxRuntimePeer&) = delete;
  OnnxRuntimePeer& operator=(const OnnxRuntimePeer&) = delete;

  // All images, `batch` at a time; the seconds that took.
  absl::StatusOr<double> Run(int batch);

  // Of the last Run: one feature behind the other.
  absl::StatusOr<std::vector<float>> Features() const;

 private:
  explicit OnnxRuntimePeer(int socket) : socket_(socket) {}

  // What the peer says next, without the end of the line.
  absl::StatusOr<std::string> ReadLine();

  const int socket_;  // its standard input and output
  pid_t pid_ = -1;
  std::string unread_;
  TempDir files_;  // model, planes, features
};

}  // namespace nevus

#endif  // NEVUS_TESTS_BENCH_ONNXRUNTIME_PEER_H_

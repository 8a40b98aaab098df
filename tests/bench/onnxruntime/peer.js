// Runs an ONNX network on images that lie ready, each time it is told to.
// The peer of `nevus-bench extract` (onnxruntime_peer.cc), which starts it as
//   node peer.js MODEL PLANES COUNT SIDE THREADS FEATURES
// MODEL    the network: input "image", output "feature"
// PLANES   COUNT x 3 x SIDE x SIDE float32, as the machine has them
// FEATURES where the features of each round go, float32
// and speaks with line by line: a batch size comes in, the seconds that all
// images took go out. Only the network is timed.
'use strict';
const fs = require('fs');
const readline = require('readline');
const ort = require('onnxruntime-node');

async function main([model, planesPath, countText, sideText, threadsText,
                     featuresPath]) {
  const count = Number(countText), side = Number(sideText);
  const bytes = fs.readFileSync(planesPath);
  const planes =
      new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    intraOpNumThreads: Number(threadsText),
    interOpNumThreads: 1,
  });
  const floats = 3 * side * side;
  console.log('ready');
  for await (const line of readline.createInterface({input: process.stdin})) {
    const batch = Number(line);
    const features = [];
    const begin = process.hrtime.bigint();
    for (let i = 0; i < count; i += batch) {
      const n = Math.min(batch, count - i);
      const image = new ort.Tensor(
          'float32', planes.subarray(i * floats, (i + n) * floats),
          [n, 3, side, side]);
      features.push((await session.run({image})).feature.data);
    }
    const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
    fs.writeFileSync(
        featuresPath,
        Buffer.concat(features.map(
            (f) => Buffer.from(f.buffer, f.byteOffset, f.byteLength))));
    console.log(seconds);
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`ONNX Runtime: ${error.message}`);
  process.exit(1);
});

"""Time to import TensorFlow graphs, against OpenCV's reader.

    JAXDNN_SHARED=… python benchmarks/load_tensorflow.py        # needs pip install jaxdnn[test]

The largest graphs that OpenCV reads too. They take milliseconds, so both libraries read them in turn within a process;
"spread" is the range of the ratio over processes. What imports cost (0.1 s) comes on top of a process's first load.
"""

from __future__ import annotations

import statistics

from measure import environment, models_folder, runs, save

GRAPHS = {
    "face detector (pb + pbtxt)": [
        "tf/face_detector/opencv_face_detector_uint8.pb",
        "tf/face_detector/opencv_face_detector.pbtxt",
    ],
    "MobileNet v2 0.35 (pb)": ["tensorflow/nets/mobilenetv2_035.pb"],
    "ResNet-50, narrow (pb)": ["tensorflow/nets/resnet50_narrow.pb"],
}
PROCESSES = 7
SCRIPT = """
import statistics, warnings
import cv2, jaxdnn
warnings.simplefilter("ignore")
readers = {"jaxdnn": jaxdnn.load, "opencv": cv2.dnn.readNetFromTensorflow}
times = {name: [] for name in readers}
for turn in range(35):
    for name, read in readers.items():
        start = time.perf_counter()
        net = read(*sys.argv[1:])
        times[name].append(time.perf_counter() - start)
        del net
print(json.dumps({name: 1e3 * statistics.median(found[5:]) for name, found in times.items()}))
"""


def main() -> None:
    """Measure, print and save."""
    models = models_folder()
    results = {}
    for name, files in GRAPHS.items():
        found = runs(SCRIPT, [str(models / file) for file in files], PROCESSES)
        ratios = sorted(run["jaxdnn"] / run["opencv"] for run in found)
        median = {peer: statistics.median(run[peer] for run in found) for peer in found[0]}
        results[name] = {"milliseconds": median, "ratio": statistics.median(ratios), "ratios": ratios}
        print(
            f"{name:28} jaxdnn {median['jaxdnn']:5.1f} ms  opencv {median['opencv']:5.1f} ms  "
            f"ratio {results[name]['ratio']:.2f}  spread {ratios[0]:.2f} to {ratios[-1]:.2f}"
        )
    save(
        "load_tensorflow",
        {"graphs": results, "environment": environment("jax", "numpy", "opencv-python-headless")},
    )


if __name__ == "__main__":
    main()

/** What the terminal shows once the pipeline can take a stream: the one place that shows key and token. */
import type { Ports } from './ports.ts';

/** What the banner tells. */
export interface BannerFacts {
  /** The host that publishers and viewers reach. */
  readonly host: string;
  readonly ports: Ports;
  readonly streamKey: string;
  readonly adminToken: string;
  readonly hasDemo: boolean;
}

/** The banner; programs read its lines, so their form stays as it is. */
export function bannerText(facts: BannerFacts): string {
  const { host, ports } = facts;
  const watch = `http://${host}:${ports.HTTP_PORT}/watch`;
  return [
    '',
    'Touchline is ready for a stream.',
    '',
    `OBS server   rtmp://${host}:${ports.RTMP_PORT}/live`,
    `Stream key   ${facts.streamKey}`,
    `Watch        ${watch}/main`,
    ...(facts.hasDemo ? [`Demo         ${watch}/demo`] : []),
    `Control room http://${host}:${ports.CONTROL_PORT}/`,
    `Admin token  ${facts.adminToken}`,
    '',
    'Ctrl-C stops everything.',
    '',
  ].join('\n');
}

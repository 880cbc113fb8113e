/**
 * The nginx that the edge is measured against: files from the page cache by `sendfile`, full packets, open files
 * remembered, one worker for the one core it has, nothing logged.
 */

/** Where this nginx listens, what it serves, and who it is. */
export interface NginxSettings {
  readonly port: number;
  /** Absolute path of the files. */
  readonly root: string;
  /** Absolute path of a folder for its pid and its temporary files. */
  readonly folder: string;
  /** Whose files these are. */
  readonly user: string;
}

/** The text of its configuration. */
export const nginxConf = ({ port, root, folder, user }: NginxSettings): string => `
daemon off;
user ${user};
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events {
  worker_connections 4096;
}
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  tcp_nodelay on;
  open_file_cache max=1000 inactive=60s;
  open_file_cache_valid 60s;
  keepalive_timeout 60s;
  keepalive_requests 100000000;
  client_body_temp_path ${folder};
  proxy_temp_path ${folder};
  fastcgi_temp_path ${folder};
  uwsgi_temp_path ${folder};
  scgi_temp_path ${folder};
  types {
    application/vnd.apple.mpegurl m3u8;
    video/mp4 m4s;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    root ${root};
    add_header cache-control "public, max-age=1";
    add_header access-control-allow-origin "*";
  }
}
`;
